#include "signaling/modules/administration/house_rules.h"

#include "config/base/log.h"
#include "signaling/session/departure.h"
#include "signaling/storage/host_data_store.h"
#include "signaling/storage/storage.h"

namespace carillon::modules::administrative {

using namespace runtime;
using session::Departure;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

namespace {

constexpr std::string_view kAdmins = "admins";
constexpr std::string_view kBlacklist = "blacklist";
constexpr std::string_view kWelcome = "welcome";
constexpr std::string_view kSpace = "announcements";  // of who has been told what
constexpr storage::UserDataStore::Bounds kBounds{.entries = 2, .octets = 4096};
constexpr std::size_t kMostAdmins = 100;
constexpr std::size_t kMostListed = 1000;
constexpr int kPriority = 50;  // before anything is done with a stanza

Outcome refusal(StanzaError error) { return std::unexpected{std::move(error)}; }

/// Nothing when one of them is no address that fits.
std::optional<std::set<Jid>> jids_of(const Form& form, std::string_view field, bool users) {
    std::set<Jid> found;
    const auto* texts = form.find(field);
    for (const auto& text : texts ? *texts : std::vector<std::string>{}) {
        if (text.empty()) continue;
        const auto jid = Jid::parse(text);
        if (!jid || (users && jid->node().empty())) return std::nullopt;
        found.insert(users ? jid->bare() : *jid);
    }
    return found;
}

std::string text_of(const std::set<Jid>& jids) {
    std::string text;
    for (const auto& jid : jids) text += (text.empty() ? "" : "\n") + jid.str();
    return text;
}

}  // namespace

HouseRules::HouseRules(ModuleContext& context, std::set<Jid> admins, Everywhere everywhere)
    : context_{context},
      configured_{std::move(admins)},
      everywhere_{std::move(everywhere)},
      kept_out_{context.counter("kept_out")} {
    hooks_ += context.intercept(Stage::to_local, kPriority,
                                [this](Stanza& stanza) { return keep_out(stanza, stanza.from()); });
    hooks_ += context.intercept(Stage::from_local, kPriority,
                                [this](Stanza& stanza) { return keep_out(stanza, stanza.to()); });
    context_.spawn(load());
}

bool HouseRules::is_admin(const Jid& who) const {
    const auto bare = who.bare();
    return configured_.contains(bare) || named_.contains(bare);
}

awaitable<void> HouseRules::load() {
    auto* store = storage::host_data_of(context_.storage());
    if (!store) co_return;
    for (const auto name : {kAdmins, kBlacklist, kWelcome}) {
        const auto text = co_await store->get(context_.host().str(), std::string{name});
        if (text) take(name, *text);
    }
}

/// What is kept, as it is on disk.
void HouseRules::take(std::string_view name, const std::string& text) {
    if (name == kWelcome) {
        welcome_ = text;
        return;
    }
    named_ = name == kAdmins ? std::set<Jid>{} : named_;
    if (name == kBlacklist) blacklist_.clear();
    for (const auto& line : lines(text)) {
        const auto jid = Jid::parse(line);
        if (jid && name == kAdmins) named_.insert(*jid);
        if (jid && name == kBlacklist) blacklist_.add(*jid);
    }
}

awaitable<bool> HouseRules::keep(std::string_view name, const std::string& text) {
    auto* store = storage::host_data_of(context_.storage());
    if (!store) co_return false;
    if (text.empty()) {
        co_await store->erase(context_.host().str(), std::string{name});
    } else {
        co_await store->put(context_.host().str(), std::string{name}, text);
    }
    everywhere_([name, text](HouseRules& there) { there.take(name, text); });
    co_return true;
}

std::vector<Command> HouseRules::commands() {
    const auto held = [this](std::string_view field) { return present(field); };
    return {
        {"edit-admin",
         "Edit the list of administrators",
         "Who may run these commands. Those of the configuration stay.",
         {{"adminjids", "Administrators", "jid-multi", false}},
         [this](Jid admin, Form form) { return edit_admins(std::move(admin), std::move(form)); },
         held},
        {"edit-blacklist",
         "Edit the blacklist",
         "Users and servers who may not talk to users of this host, nor be talked to.",
         {{"blacklistjids", "Who is kept out", "jid-multi", false}},
         [this](Jid admin, Form form) { return edit_blacklist(std::move(admin), std::move(form)); },
         held},
        {"set-welcome",
         "Set the welcome message",
         "What new users are told when they come for the first time.",
         {{"welcome", "Welcome message", "text-multi"}},
         [this](Jid, Form form) { return set_welcome(lines_of(form, kWelcome)); },
         held},
        {"delete-welcome", "Delete the welcome message", "", {}, [this](Jid, Form) { return set_welcome({}); }},
    };
}

std::vector<std::string> HouseRules::present(std::string_view field) const {
    if (field == kWelcome) return lines(welcome_);
    std::vector<std::string> found;
    if (field == "blacklistjids") {
        for (const auto& jid : blacklist_.entries()) found.push_back(jid.str());
        return found;
    }
    auto all = configured_;
    all.insert(named_.begin(), named_.end());
    for (const auto& jid : all) found.push_back(jid.str());
    return found;
}

awaitable<Outcome> HouseRules::edit_admins(Jid admin, Form form) {
    auto wanted = jids_of(form, "adminjids", true);
    if (!wanted || wanted->size() > kMostAdmins)
        co_return refusal(StanzaError::not_acceptable().with_text("These are no users' addresses, or too many."));
    std::erase_if(*wanted, [this](const Jid& jid) { return configured_.contains(jid); });
    if (!configured_.contains(admin.bare()) && !wanted->contains(admin.bare()))
        co_return refusal(StanzaError::not_allowed().with_text("You would not be one any more."));
    const bool kept = co_await keep(kAdmins, text_of(*wanted));
    if (!kept) co_return refusal(StanzaError::feature_not_implemented());
    log::info("administrators changed", {{"by", admin.bare().str()}, {"named", wanted->size()}});
    co_return note("The administrators are those now.");
}

awaitable<Outcome> HouseRules::edit_blacklist(Jid admin, Form form) {
    const auto wanted = jids_of(form, "blacklistjids", false);
    if (!wanted || wanted->size() > kMostListed)
        co_return refusal(StanzaError::not_acceptable().with_text("These are no addresses, or too many."));
    for (const auto& jid : *wanted) {
        if (jid == context_.host() || is_admin(jid))
            co_return refusal(StanzaError::not_allowed().with_text(jid.str() + " cannot be kept out."));
    }
    const bool kept = co_await keep(kBlacklist, text_of(*wanted));
    if (!kept) co_return refusal(StanzaError::feature_not_implemented());
    log::info("blacklist changed", {{"by", admin.bare().str()}, {"entries", wanted->size()}});
    co_return note("The blacklist is that now.");
}

Verdict HouseRules::keep_out(Stanza& stanza, const Jid& other) {
    if (blacklist_.empty() || other.empty() || !blacklist_.blocks(other)) return Verdict::pass;
    kept_out_.add();
    if (!stanza.is_presence() && !stanza.is_error())
        context_.reply_error(stanza, StanzaError::forbidden().with_text("An administrator does not allow it."));
    return Verdict::taken;
}

awaitable<Outcome> HouseRules::set_welcome(std::string text) {
    const bool kept = co_await keep(kWelcome, text);
    if (!kept) co_return refusal(StanzaError::feature_not_implemented());
    co_return note(text.empty() ? "There is no welcome message any more." : "The welcome message has been set.");
}

void HouseRules::greet(const session::Session& session) {
    if (!welcome_.empty()) context_.spawn(welcome(session.jid()));
}

/// Who has left before, or was welcomed, is no newcomer.
awaitable<void> HouseRules::welcome(Jid session) {
    auto& data = context_.storage().user_data();
    const auto user = session.bare();
    const auto left = co_await data.get(user, std::string{Departure::kSpace}, std::string{Departure::kName});
    if (left) co_return;
    const auto told = co_await data.get(user, std::string{kSpace}, std::string{kWelcome});
    if (told || welcome_.empty()) co_return;
    auto* account = context_.account(user);
    if (!account || account->sessions().size() != 1 || !account->session(session.resource())) co_return;
    auto message = Stanza::message(context_.host(), session, "");
    message.element().add("body").add_text(welcome_);
    context_.route(std::move(message));
    co_await data.put(user, std::string{kSpace}, std::string{kWelcome}, "yes", kBounds);
}

}  // namespace carillon::modules::administrative
