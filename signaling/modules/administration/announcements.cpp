#include "signaling/modules/administration/announcements.h"

#include "config/base/log.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::administrative {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

namespace {

constexpr std::string_view kSpace = "announcements";
constexpr std::string_view kMotd = "motd";

}  // namespace

Announcements::Announcements(ModuleContext& context, Everywhere everywhere)
    : context_{context}, everywhere_{std::move(everywhere)} {
    context_.spawn(load());
}

awaitable<void> Announcements::load() {
    auto* store = storage::host_data_of(context_.storage());
    if (!store) co_return;
    const auto text = co_await store->get(context_.host().str(), std::string{kMotd});
    const auto end = text ? text->find('\n') : std::string::npos;
    if (end == std::string::npos || !motd_id_.empty()) co_return;
    motd_id_ = text->substr(0, end);
    motd_ = text->substr(end + 1);
}

std::vector<Command> Announcements::commands() {
    const Field subject{"subject", "Subject", "text-single", false};
    const Field text{"announcement", "What is to be said", "text-multi"};
    const Field motd{"motd", "Message of the day", "text-multi"};
    return {
        {"announce",
         "Announce to users online",
         "What all who are online are told now.",
         {subject, text},
         [this](Jid, Form form) { return announce(std::move(form)); }},
        {"announce-all",
         "Announce to all users",
         "What all who have an account are told, now or when they come.",
         {subject, text},
         [this](Jid, Form form) { return announce_to_all(std::move(form)); }},
        {"set-motd",
         "Set the message of the day",
         "What all are told once, now or when they come.",
         {motd},
         [this](Jid, Form form) { return set_motd(std::move(form), true); }},
        {"edit-motd",
         "Edit the message of the day",
         "What those are told who have not been told yet.",
         {motd},
         [this](Jid, Form form) { return set_motd(std::move(form), false); },
         [this](std::string_view) { return lines(motd_); }},
        {"delete-motd", "Delete the message of the day", "", {}, [this](Jid, Form) { return delete_motd(); }},
    };
}

void Announcements::send(const Jid& to, const std::string& subject, const std::string& text, std::string_view type) {
    auto message = Stanza::message(context_.host(), to, type);
    if (!subject.empty()) message.element().add("subject").add_text(subject);
    message.element().add("body").add_text(text);
    context_.route(std::move(message));
}

void Announcements::tell_all_online(const std::string& subject, const std::string& text) {
    everywhere_([subject, text](Announcements& there) { there.tell_online(subject, text); });
}

void Announcements::tell_online(const std::string& subject, const std::string& text) {
    const auto online = online_;
    for (const auto& session : online) send(session, subject, text, "headline");
}

awaitable<Outcome> Announcements::announce(Form form) {
    tell_all_online(form.first("subject"), lines_of(form, "announcement"));
    co_return note("It has been announced.");
}

awaitable<Outcome> Announcements::announce_to_all(Form form) {
    const auto users = co_await context_.storage().users().list(context_.host().str());
    const auto subject = form.first("subject");
    const auto text = lines_of(form, "announcement");
    for (const auto& user : users) send(user, subject, text, "");
    co_return note("It has been announced to " + std::to_string(users.size()) + " users.");
}

awaitable<Outcome> Announcements::set_motd(Form form, bool tell) {
    auto* store = storage::host_data_of(context_.storage());
    if (!store) co_return std::unexpected{StanzaError::feature_not_implemented()};
    const auto text = lines_of(form, "motd");
    // An edited one is the same message to those who have had it.
    const auto id = tell || motd_id_.empty() ? xmpp::to_datetime(context_.clock().wall()) : motd_id_;
    co_await store->put(context_.host().str(), std::string{kMotd}, id + '\n' + text);
    everywhere_([id, text, tell](Announcements& there) {
        there.motd_id_ = id;
        there.motd_ = text;
        const auto online = there.online_;
        for (const auto& session : online) {
            if (tell) there.context_.spawn(there.send_motd(session));
        }
    });
    co_return note("The message of the day has been set.");
}

awaitable<Outcome> Announcements::delete_motd() {
    if (auto* store = storage::host_data_of(context_.storage()))
        co_await store->erase(context_.host().str(), std::string{kMotd});
    everywhere_([](Announcements& there) {
        there.motd_.clear();
        there.motd_id_.clear();
    });
    co_return note("There is no message of the day any more.");
}

void Announcements::greet(const session::Session& session) {
    if (!motd_.empty()) context_.spawn(send_motd(session.jid()));
}

/// Once for a user, whichever device comes first.
awaitable<void> Announcements::send_motd(Jid session) {
    const auto id = motd_id_;
    auto& data = context_.storage().user_data();
    const auto had = co_await data.get(session.bare(), std::string{kSpace}, std::string{kMotd});
    if (had == id || motd_.empty() || motd_id_ != id) co_return;
    const storage::UserDataStore::Bounds bounds{.entries = 2, .octets = 4096};
    auto* account = context_.account(session.bare());
    if (!account || !account->session(session.resource())) co_return;
    send(session, {}, motd_, "headline");
    co_await data.put(session.bare(), std::string{kSpace}, std::string{kMotd}, id, bounds);
}

}  // namespace carillon::modules::administrative
