#include "signaling/calls/voicemail/office.h"

#include <algorithm>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/calls/endpoints/module.h"
#include "signaling/calls/random_id.h"
#include "signaling/calls/voicemail/notice.h"
#include "signaling/files/address.h"
#include "signaling/session/session.h"
#include "signaling/storage/push_store.h"
#include "signaling/storage/storage.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
using runtime::awaitable;
using storage::UserDataStore;

constexpr std::string_view kSpace = "voicemail";
constexpr std::string_view kName = "box";
constexpr UserDataStore::Bounds kBounds{.entries = 1, .octets = 1024 * 1024};
constexpr std::size_t kMostJobs = 10'000;
constexpr std::chrono::seconds kSweep{30};
constexpr std::chrono::milliseconds kLeast{1500};  // of what is worth a message
constexpr std::chrono::seconds kStill{20};         // a file that nobody has written to for so long is nobody's

}  // namespace

VoicemailOffice::VoicemailOffice(runtime::ModuleContext& context, VoicemailSettings settings, xmpp::Jid address,
                                 VoicemailSpool& spool, files::Uploads& uploads, std::string base)
    : context_{context},
      settings_{std::move(settings)},
      sounds_{settings_.sounds},
      address_{std::move(address)},
      spool_{spool},
      uploads_{uploads},
      base_{std::move(base)} {
    hooks_ += context.sessions({.bound = {},
                                .available = {},
                                .unavailable = {},
                                .closed = {},
                                .presence = {},
                                .hibernated = {},
                                .resumed = {},
                                .waiting = {},
                                .removed = [this](const xmpp::Jid& bare) { spool_.remove_greetings(bare); }});
    if (context.shard() == 0) sweep();
}

bool VoicemailOffice::serves(const xmpp::Jid& user) const {
    return !user.node().empty() && user.domain() == context_.host().domain();
}

// ---- shards

void VoicemailOffice::at(std::size_t hash, std::function<void(VoicemailOffice& there)> work) {
    context_.on_owner(hash, [work = std::move(work)](runtime::Module& there) {
        if (auto* office = static_cast<EndpointsModule&>(there).voicemail()) work(*office);
    });
}

void VoicemailOffice::at_home(const xmpp::Jid& owner, std::function<void(VoicemailOffice& there)> work) {
    at(std::hash<xmpp::Jid>{}(owner.bare()), std::move(work));
}

void VoicemailOffice::enqueue(Job job) {
    if (jobs_.size() >= kMostJobs) return log::error("voicemail is overloaded: something is not done", {});
    jobs_.push_back(std::move(job));
    if (!std::exchange(working_, true)) context_.spawn(work_off());
}

awaitable<void> VoicemailOffice::work_off() {
    while (!jobs_.empty()) {
        const auto job = std::move(jobs_.front());  // the coroutine's captures live in it
        jobs_.pop_front();
        try {
            co_await job();
        } catch (const std::exception& error) {
            log::error("voicemail cannot be kept", {{"error", error.what()}});
        }
    }
    working_ = false;
}

// ---- boxes

awaitable<VoicemailBox> VoicemailOffice::load(xmpp::Jid owner) {
    const auto text = co_await context_.storage().user_data().get(owner, std::string{kSpace}, std::string{kName});
    VoicemailBox box;
    if (text) box = parse_box(*text);
    box.expire(context_.clock().wall(), settings_.keep);
    co_return box;
}

awaitable<bool> VoicemailOffice::save(xmpp::Jid owner, VoicemailBox box) {
    co_return co_await context_.storage().user_data().put(owner, std::string{kSpace}, std::string{kName}, to_text(box),
                                                          kBounds);
}

/// On the owner's shard. Who is blocked does not speak to anybody's voicemail either.
awaitable<std::optional<StandIn>> VoicemailOffice::consider(xmpp::Jid caller, xmpp::Jid owner) {
    if (!co_await context_.storage().users().exists(owner)) co_return std::nullopt;
    const auto box = co_await load(owner);
    if (!box.on) co_return std::nullopt;
    StandIn out{.reachable = false, .after = box.after ? std::chrono::milliseconds{*box.after} : settings_.after};
    if (!context_.account(owner)) {
        const auto roster = co_await context_.storage().rosters().load(owner);
        if (roster.blocked.blocks(caller)) co_return std::nullopt;
    }
    if (auto* account = context_.account(owner)) {
        if (account->roster().blocked.blocks(caller)) co_return std::nullopt;
        out.reachable = std::ranges::any_of(account->sessions(), [](const auto* each) { return each->available(); });
    }
    if (out.reachable) co_return out;
    // A device that sleeps may be woken by the call.
    const auto devices = co_await context_.storage().pushes().load(owner);
    if (devices.empty()) out.after = 0ms;
    co_return out;
}

void VoicemailOffice::willing(const xmpp::Jid& caller, const xmpp::Jid& owner,
                              std::function<void(std::optional<StandIn>)> done) {
    const auto back = context_.shard();
    at_home(owner, [caller, owner = owner.bare(), back, done](VoicemailOffice& there) {
        there.enqueue([&there, caller, owner, back, done]() -> awaitable<void> {
            const auto found = co_await there.consider(caller, owner);
            there.at(back, [done, found](VoicemailOffice&) { done(found); });
        });
    });
}

void VoicemailOffice::look(const xmpp::Jid& owner, Looked done) {
    change(owner, [](VoicemailBox&) { return false; }, std::move(done));
}

void VoicemailOffice::change(const xmpp::Jid& owner, Change change, Looked done) {
    at_home(owner, [owner = owner.bare(), change, back = context_.shard(), done](VoicemailOffice& there) {
        there.enqueue([&there, owner, change, back, done]() -> awaitable<void> {
            co_await there.change_here(owner, change, back, done);
        });
    });
}

awaitable<void> VoicemailOffice::change_here(xmpp::Jid owner, Change change, std::size_t back, Looked done) {
    auto box = co_await load(owner);
    if (change(box)) co_await save(owner, box);
    if (done) at(back, [done, box](VoicemailOffice&) { done(box); });
}

awaitable<void> VoicemailOffice::remove_messages(std::vector<VoicemailMessage> messages) {
    for (const auto& message : messages) co_await uploads_.forget(message.id);
}

void VoicemailOffice::remove(const xmpp::Jid& owner, std::string id) {
    at_home(owner, [owner = owner.bare(), id](VoicemailOffice& there) {
        there.enqueue([&there, owner, id]() -> awaitable<void> {
            auto box = co_await there.load(owner);
            if (std::erase_if(box.messages, [&](const auto& message) { return message.id == id; }) == 0) co_return;
            co_await there.save(owner, box);
            co_await there.uploads_.forget(id);
        });
    });
}

void VoicemailOffice::set_greeting(const xmpp::Jid& owner, std::filesystem::path file) {
    change(owner, [file = file.string()](VoicemailBox& box) {
        box.greeting = file;
        return true;
    });
    spool_.remove_greetings(owner, file);
}

// ---- recordings

void VoicemailOffice::deliver(SpooledRecording recording) {
    const auto owner = recording.owner;
    at_home(owner, [recording = std::move(recording)](VoicemailOffice& there) {
        there.enqueue([&there, recording]() -> awaitable<void> { co_await there.deliver_here(recording); });
    });
}

awaitable<void> VoicemailOffice::deliver_here(SpooledRecording recording) {
    const auto owner = recording.owner;
    auto box = co_await load(owner);
    co_await remove_messages(box.make_room(settings_.messages));
    VoicemailMessage message{.stanza = random_id(),
                             .caller = recording.caller.str(),
                             .at = recording.at,
                             .duration = recording.duration,
                             .complete = recording.complete};
    storage::Upload wanted;
    wanted.owner = owner.str() + "/voicemail";
    wanted.host = context_.host().str();
    wanted.name = file_name(message);
    wanted.type = kVoicemailType;
    wanted.keep = settings_.keep;
    const storage::UploadLimits limits{.slots = 1000, .in_period = 0, .in_all = settings_.quota, .period_begin = {}};
    auto kept = co_await uploads_.keep(spool_.file(recording.id), wanted, limits);
    if (!kept) {
        const bool full = kept.error().refusal == storage::UploadRefusal::space_used_up;
        log::warning("a voicemail is lost", {{"owner", owner.str()}, {"why", full ? "quota" : "disk"}});
        context_.counter("voicemail_lost").add();
        say(owner, "There was no room for a voicemail from " + describe(message) + (full ? ": delete some." : "."));
        spool_.remove(recording.id);
        co_return;
    }
    message.id = kept->id;
    message.size = kept->size;
    message.hash = kept->hash;
    message.path = files::file_path(kept->id, kept->name);
    box.messages.push_back(message);
    co_await save(owner, box);
    spool_.remove(recording.id);
    context_.counter("voicemail_kept").add();
    notify(owner, message, box);
}

void VoicemailOffice::deliver_cut(SpooledRecording recording, const OggLength& found) {
    if (found.length < kLeast) return spool_.remove(recording.id);
    recording.duration = found.length;
    recording.complete = found.complete;
    deliver(std::move(recording));
}

void VoicemailOffice::settle(SpooledRecording recording) { context_.spawn(settle_here(std::move(recording))); }

awaitable<void> VoicemailOffice::settle_here(SpooledRecording recording) {
    boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor};
    OggLength found;
    for (int tries = 0; tries < 15 && !found.complete; ++tries) {
        timer.expires_after(200ms);
        co_await timer.async_wait(boost::asio::use_awaitable);
        const auto read = ogg_length(spool_.file(recording.id));
        if (!read) break;  // nothing was said
        found = *read;
    }
    deliver_cut(std::move(recording), found);
}

/// What a worker or a server that died has left.
void VoicemailOffice::sweep() {
    timer_ = context_.after(kSweep, [this] {
        for (auto& left : spool_.claim_left(context_.host().domain(), kStill)) {
            const auto found = ogg_length(spool_.file(left.id)).value_or(OggLength{});
            deliver_cut(std::move(left), found);
        }
        sweep();
    });
}

void VoicemailOffice::notify(const xmpp::Jid& to, const VoicemailMessage& message, const VoicemailBox& box) {
    const auto at = std::ranges::find(box.messages, message.id, &VoicemailMessage::id) - box.messages.begin();
    context_.route(make_notice(address_, to, message, base_ + message.path, static_cast<std::size_t>(at) + 1, box));
}

void VoicemailOffice::say(const xmpp::Jid& to, std::string text, const VoicemailBox* box) {
    auto message = xmpp::Stanza::message(address_, to, "chat");
    message.element().set("id", random_id());
    message.element().add("body").add_text(text);
    if (box) message.element().append(box_form(*box, settings_));
    context_.route(std::move(message));
}

// ---- commands

void VoicemailOffice::take_message(const xmpp::Stanza& message) {
    const auto from = message.from();
    if (!serves(from) || message.element().child("delay")) return;
    if (const auto* shown = message.element().child("displayed", "urn:xmpp:chat-markers:0")) {
        change(from, [id = std::string{shown->attribute("id")}](VoicemailBox& box) {
            const auto at = std::ranges::find(box.messages, id, &VoicemailMessage::stanza);
            if (at == box.messages.end() || std::exchange(at->heard, true)) return false;
            return true;
        });
        return;
    }
    if (!message.element().child("body")) return;
    const auto command = parse_command(message.element().child_text("body")).value_or(VoicemailCommand{});
    at_home(from, [from, command](VoicemailOffice& there) {
        there.enqueue([&there, from, command]() -> awaitable<void> { co_await there.run_command(from, command); });
    });
}

awaitable<void> VoicemailOffice::run_command(xmpp::Jid from, VoicemailCommand command) {
    const auto owner = from.bare();
    auto box = co_await load(owner);
    bool changed = false;
    const auto answer = co_await obey(owner, command, box, changed);
    if (changed && !co_await save(owner, box)) co_return say(from, "That cannot be kept.");
    if (!answer.empty()) say(from, answer, &box);
}

awaitable<std::string> VoicemailOffice::obey(xmpp::Jid owner, VoicemailCommand command, VoicemailBox& box,
                                             bool& changed) {
    using Verb = VoicemailCommand::Verb;
    auto* message = box.number(command.number);
    const bool numbered = command.verb == Verb::play || command.verb == Verb::heard || command.verb == Verb::remove;
    if (numbered && !message) co_return "There is no message " + std::to_string(command.number) + ".";
    changed = command.verb != Verb::help && command.verb != Verb::list;
    switch (command.verb) {
        case Verb::help:
            co_return help_text();
        case Verb::list:
            co_return describe(box, settings_);
        case Verb::play:
            message->heard = true;
            message->stanza = random_id();
            notify(owner, *message, box);
            co_return std::string{};
        case Verb::heard:
            message->heard = true;
            co_return "Message " + std::to_string(command.number) + " counts as heard.";
        case Verb::remove: {
            const auto gone = *message;
            std::erase(box.messages, gone);
            co_await uploads_.forget(gone.id);
            co_return "Deleted: " + describe(gone);
        }
        case Verb::remove_all: {
            auto gone = std::exchange(box.messages, {});
            const auto count = gone.size();
            co_await remove_messages(std::move(gone));
            co_return std::to_string(count) + " messages deleted.";
        }
        case Verb::greeting:
            co_return co_await take_greeting(owner, command.text, box);
        case Verb::on:
        case Verb::off:
            box.on = command.verb == Verb::on;
            co_return describe(box, settings_);
        case Verb::after:
            box.after = std::chrono::seconds{std::min<std::size_t>(command.number, 120)};
            co_return describe(box, settings_);
        case Verb::style:
            box.link_only = command.text == "link";
            co_return box.link_only ? "Messages are the link alone." : "Messages have words and the link.";
    }
    co_return std::string{};
}

awaitable<std::string> VoicemailOffice::take_greeting(xmpp::Jid owner, std::string wanted, VoicemailBox& box) {
    constexpr std::uint64_t kMostOctets = 5 * 1024 * 1024;
    if (wanted.empty())
        co_return box.greeting.empty() ? "The usual greeting is played." : "A greeting of your own is played.";
    if (wanted == "default") {
        box.greeting.clear();
        spool_.remove_greetings(owner);
        co_return "The usual greeting is played from now on.";
    }
    const bool here = wanted.starts_with(base_);
    std::optional<storage::Upload> found;
    if (here) found = co_await uploads_.find(wanted.substr(base_.size()));
    if (!found || found->owner != owner.str()) co_return "That is no file that you have uploaded here.";
    if (!found->type.starts_with("audio/") || found->size > kMostOctets)
        co_return "A greeting is a sound file (Ogg/Opus or WAV) of at most 5 MB.";
    const auto file = spool_.new_greeting(owner);
    if (!co_await uploads_.copy(found->hash, file)) co_return "The file cannot be kept.";
    spool_.remove_greetings(owner, file);
    box.greeting = file.string();
    co_return "That is your greeting from now on. Call yourself to hear it.";
}

}  // namespace carillon::calls
