/// What administrators do with a client of theirs: users, their sessions, figures.
/// Spec: XEP-0133 1.3.1 §4 but for what stands below.
/// Not here: running commands (modules/commands), what all are told (announcements.h), who is admin, who is kept out
/// and the welcome (house_rules.h), the end (shutdown.h), the operator's own tool (signaling/ctl). Passwords cannot be
/// shown (§4.6), there is no whitelist (§4.12), and whoever started the process restarts it (§4.30).
#include "signaling/modules/administration/administration.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <boost/asio/thread_pool.hpp>

#include "config/base/log.h"
#include "signaling/auth/scram.h"
#include "signaling/modules/administration/announcements.h"
#include "signaling/modules/administration/command.h"
#include "signaling/modules/administration/house_rules.h"
#include "signaling/modules/administration/people.h"
#include "signaling/modules/administration/shutdown.h"
#include "signaling/modules/settings.h"
#include "signaling/runtime/on_pool.h"
#include "signaling/runtime/shard.h"
#include "signaling/session/disabled_account.h"
#include "signaling/session/session.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using namespace administrative;
using session::Session;
using xmpp::Jid;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "administration", .xep = 133, .version = "1.3.1", .summary = "commands for administrators"};
constexpr std::size_t kMostListed = 1000;

Outcome refusal(StanzaError error) { return std::unexpected{std::move(error)}; }

class Administration final : public Module {
  public:
    explicit Administration(ModuleContext& context)
        : context_{context},
          announcements_{context,
                         [this](auto work) { on_all_shards([work](auto& there) { work(there.announcements_); }); }},
          rules_{context, configured_admins(context),
                 [this](auto work) { on_all_shards([work](auto& there) { work(there.rules_); }); }} {
        hooks_ += context.feature(kAdmin);
        add_user_commands();
        add_session_commands();
        add_figures();
        for (auto& command : announcements_.commands()) add(std::move(command));
        for (auto& command : rules_.commands()) add(std::move(command));
        add(shutdown_.command());
        const auto now = [this] { return context_.clock().wall(); };
        hooks_ += context.sessions({.bound = [this, now](Session& session) { online_[session.jid()] = now(); },
                                    .available =
                                        [this](Session& session) {
                                            announcements_.came(session.jid());
                                            announcements_.greet(session);
                                            rules_.greet(session);
                                        },
                                    .unavailable = [this](Session& session) { announcements_.went(session.jid()); },
                                    .closed = [this](Session& session) { online_.erase(session.jid()); }});
    }

  private:
    using Keys = std::expected<std::vector<storage::ScramKeys>, std::string>;

    void add(Command command) {
        hooks_ += context_.command(make(std::move(command), [this](const Jid& who) { return rules_.is_admin(who); }));
    }

    static std::set<Jid> configured_admins(ModuleContext& context) {
        std::vector<std::string> texts;
        config::Schema schema;
        schema.texts("admins", texts, R"(["alice@example.org"])", "Addresses of users who may run the commands.",
                     check_user);
        read_settings(context, schema, kInfo.name);
        std::set<Jid> admins;
        for (const auto& text : texts) admins.insert(Jid::parse(text).value().bare());
        return admins;
    }
    static std::string check_user(std::string_view text) {
        const auto jid = Jid::parse(text);
        return jid && !jid->node().empty() ? "" : "is no user's address";
    }
    void on_all_shards(std::function<void(Administration&)> work) {
        for (std::size_t shard = 0; shard < context_.shard_count(); ++shard)
            context_.on_owner(shard, [work](Module& there) { work(static_cast<Administration&>(there)); });
    }

    void add_user_commands() {
        const Field whom{"accountjid", "The user's address", "jid-single"};
        const Field many{"accountjids", "The users' addresses", "jid-multi"};
        const Field password{"password", "The password", "text-private"};
        add({"add-user",
             "Add a user",
             "Whom to add.",
             {whom, password, {"password-verify", "The password once more", "text-private", false}},
             [this](Jid admin, Form form) { return add_user(std::move(admin), std::move(form)); }});
        add({"delete-user",
             "Delete users",
             "Whom to remove with all that is theirs.",
             {many},
             [this](Jid admin, Form form) { return delete_users(std::move(admin), std::move(form)); }});
        add({"disable-user",
             "Disable users",
             "Who may not log in until enabled again.",
             {many},
             [this](Jid admin, Form form) { return disable(std::move(admin), std::move(form), true); }});
        add({"reenable-user", "Enable users again", "Who may log in again.", {many}, [this](Jid admin, Form form) {
                 return disable(std::move(admin), std::move(form), false);
             }});
        add({"change-user-password",
             "Change a user's password",
             "Whose password, and the new one.",
             {whom, password},
             [this](Jid admin, Form form) { return change_password(std::move(admin), std::move(form)); }});
    }

    void add_session_commands() {
        add({"end-user-session",
             "End users' sessions",
             "Whose sessions end: all, or that of a full address.",
             {{"accountjids", "The users' addresses", "jid-multi"}},
             [this](Jid admin, Form form) { return end_sessions(std::move(admin), std::move(form)); }});
        add({"user-stats",
             "Figures of a user",
             "Whose.",
             {{"accountjid", "The user's address", "jid-single"}},
             [this](Jid, Form form) { return user_stats(std::move(form)); }});
        const Field many{"accountjids", "The user's address", "jid-multi", false};  // some clients ask with this one
        const Field one{"accountjid", "The user's address", "jid-single", false};
        add({"get-user-roster", "Contacts of a user", "Whose.", {one, many}, [this](Jid, Form form) {
                 return about_user(std::move(form), false);
             }});
        add({"get-user-lastlogin", "Last log-in of a user", "Whose.", {one, many}, [this](Jid, Form form) {
                 return about_user(std::move(form), true);
             }});
    }

    void add_figures() {
        add({"get-registered-users-num", "Number of users", "", {}, [this](Jid, Form) { return registered(false); }});
        add({"get-registered-users-list", "List of users", "", {}, [this](Jid, Form) { return registered(true); }});
        add({"get-online-users-num", "Number of users online", "", {}, [this](Jid, Form) { return online(false); }});
        add({"get-online-users-list", "List of users online", "", {}, [this](Jid, Form) { return online(true); }});
        for (const bool active : {true, false}) {
            const auto busy = [this, active](bool list) { return online(list, active); };
            add({active ? "get-active-users-num" : "get-idle-users-num",
                 active ? "Number of users who are active" : "Number of users who are idle",
                 "",
                 {},
                 [busy](Jid, Form) { return busy(false); }});
            add({active ? "get-active-users" : "get-idle-users",
                 active ? "List of users who are active" : "List of users who are idle",
                 "",
                 {},
                 [busy](Jid, Form) { return busy(true); }});
        }
        add({"get-disabled-users-num", "Number of disabled users", "", {}, [this](Jid, Form) {
                 return disabled(false);
             }});
        add({"get-disabled-users-list", "List of disabled users", "", {}, [this](Jid, Form) {
                 return disabled(true);
             }});
    }

    // ---- users

    /// A user's address of this host, bare unless `full` is wanted too.
    std::optional<Jid> user_of(const std::string& text, bool full = false) const {
        auto jid = Jid::parse(text);
        if (!jid || jid->node().empty() || jid->domain() != context_.host().domain()) return std::nullopt;
        return full ? *jid : jid->bare();
    }

    std::expected<std::vector<Jid>, StanzaError> users_of(const Form& form, bool full = false) const {
        std::vector<Jid> users;
        for (const auto& text : *form.find("accountjids")) {
            auto user = user_of(text, full);
            if (!user) return std::unexpected{StanzaError::not_acceptable().with_text(text + " is no user's address.")};
            users.push_back(std::move(*user));
        }
        return users;
    }

    awaitable<Keys> keys_of(std::string password) {
        auto work = [password = std::move(password)]() -> Keys { return auth::make_all_scram_keys(password); };
        co_return co_await on_pool(worker(), std::move(work));
    }
    /// One for all shards: keys take a while, and must not take the machine.
    static boost::asio::thread_pool& worker() {
        static boost::asio::thread_pool pool{1};
        return pool;
    }

    awaitable<Outcome> add_user(Jid admin, Form form) {
        const auto user = user_of(form.first("accountjid"));
        const auto password = form.first("password");
        if (!user) co_return refusal(StanzaError::not_acceptable().with_text("That is no address of this host."));
        if (form.find("password-verify") && form.first("password-verify") != password)
            co_return refusal(StanzaError::not_acceptable().with_text("The passwords differ."));
        auto keys = co_await keys_of(password);
        if (!keys) co_return refusal(StanzaError::not_acceptable().with_text(keys.error()));
        const bool made = co_await context_.storage().users().create(*user, std::move(*keys));
        if (!made) co_return refusal(StanzaError::conflict().with_text("There is such a user already."));
        context_.account_made(*user);
        log::info("user added", {{"user", user->str()}, {"by", admin.bare().str()}});
        co_return note(user->str() + " has been added.");
    }

    awaitable<Outcome> delete_users(Jid admin, Form form) {
        auto users = users_of(form);
        if (!users) co_return refusal(std::move(users.error()));
        std::size_t removed = 0;
        for (const auto& user : *users) {
            if (user == admin.bare()) co_return refusal(StanzaError::not_allowed().with_text("That is you."));
            const bool gone = co_await context_.remove_account(user);
            removed += gone;
            if (gone) log::info("user removed", {{"user", user.str()}, {"by", admin.bare().str()}});
        }
        if (removed == 0) co_return refusal(StanzaError::item_not_found());
        co_return note(std::to_string(removed) + " removed.");
    }

    awaitable<Outcome> disable(Jid admin, Form form, bool disabling) {
        auto users = users_of(form);
        if (!users) co_return refusal(std::move(users.error()));
        for (const auto& user : *users) {
            if (disabling && user == admin.bare())
                co_return refusal(StanzaError::not_allowed().with_text("That is you."));
            const bool exists = co_await context_.storage().users().exists(user);
            if (!exists) co_return refusal(StanzaError::item_not_found().with_text("There is no " + user.str()));
        }
        for (const auto& user : *users) {
            co_await session::set_disabled(context_.storage(), user, disabling);
            if (disabling) end(user, "not-authorized", "This account has been disabled.");
            log::info(disabling ? "user disabled" : "user enabled", {{"user", user.str()}, {"by", admin.bare().str()}});
        }
        co_return note("Done.");
    }

    awaitable<Outcome> change_password(Jid admin, Form form) {
        const auto user = user_of(form.first("accountjid"));
        if (!user) co_return refusal(StanzaError::not_acceptable().with_text("That is no address of this host."));
        auto keys = co_await keys_of(form.first("password"));
        if (!keys) co_return refusal(StanzaError::not_acceptable().with_text(keys.error()));
        const bool set = co_await context_.storage().users().set_keys(*user, std::move(*keys));
        if (!set) co_return refusal(StanzaError::item_not_found());
        log::info("password changed", {{"user", user->str()}, {"by", admin.bare().str()}});
        co_return note("The password of " + user->str() + " has been changed.");
    }

    // ---- sessions

    void end(const Jid& who, std::string condition, std::string text) {
        context_.on_owner(owner_hash(who), [who, condition = std::move(condition), text = std::move(text)](Module& m) {
            auto* account = static_cast<Administration&>(m).context_.account(who.bare());
            if (!account) return;
            for (auto* session : account->sessions()) {
                if (who.is_bare() || session->jid() == who) session->close(condition, text);
            }
        });
    }

    awaitable<Outcome> end_sessions(Jid admin, Form form) {
        auto users = users_of(form, true);
        if (!users) co_return refusal(std::move(users.error()));
        for (const auto& user : *users) {
            end(user, "policy-violation", "An administrator has ended this session.");
            log::info("session ended", {{"user", user.str()}, {"by", admin.bare().str()}});
        }
        co_return note("Done.");
    }

    // ---- figures

    /// Gathers from every shard; the last one there completes.
    template <class T>
    awaitable<std::vector<T>> from_all_shards(std::function<void(Administration& there, std::vector<T>& into)> ask) {
        namespace asio = boost::asio;
        struct Gathering {
            std::mutex mutex;
            std::vector<T> found;
            std::size_t left;
        };
        auto gathering = std::make_shared<Gathering>();
        gathering->left = context_.shard_count();
        auto initiate = [this, gathering, ask = std::move(ask)](auto handler) {
            auto held = std::make_shared<decltype(handler)>(std::move(handler));
            for (std::size_t shard = 0; shard < context_.shard_count(); ++shard) {
                context_.on_owner(shard, [gathering, ask, held](Module& there) {
                    std::vector<T> mine;
                    ask(static_cast<Administration&>(there), mine);
                    const std::lock_guard lock{gathering->mutex};
                    std::ranges::move(mine, std::back_inserter(gathering->found));
                    if (--gathering->left > 0) return;
                    const auto executor = asio::get_associated_executor(*held);
                    asio::post(executor, [held] { std::move (*held)(); });
                });
            }
        };
        co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
        co_return std::move(gathering->found);
    }

    struct Presence {
        Jid user;
        bool active = false;
    };
    /// Active is who is there on one device at least and has not said to be away.
    bool is_active(const Jid& jid) const {
        auto* account = context_.account(jid.bare());
        const auto* session = account ? account->session(jid.resource()) : nullptr;
        if (!session || !session->available()) return false;
        const auto show = session->presence()->element().child_text("show");
        return show != "away" && show != "xa";
    }
    /// With whether they are active.
    awaitable<std::map<std::string, bool>> online_users() {
        std::function<void(Administration&, std::vector<Presence>&)> ask = [](auto& there, auto& into) {
            for (const auto& [jid, since] : there.online_) into.push_back({jid.bare(), there.is_active(jid)});
        };
        const auto all = co_await from_all_shards<Presence>(std::move(ask));
        std::map<std::string, bool> users;
        for (const auto& [user, active] : all) users[user.str()] |= active;
        co_return users;
    }

    static CommandStep figure_or_list(bool list, std::string_view name, std::string_view label,
                                      std::vector<std::string> users) {
        if (!list) return told(std::string{name} + "num", label, "text-single", {std::to_string(users.size())});
        if (users.size() > kMostListed) users.resize(kMostListed);
        const auto field = std::string{name.substr(0, name.size() - 1)} + "jids";
        return told(field, label, "jid-multi", users);
    }

    awaitable<Outcome> registered(bool list) {
        const auto users = co_await context_.storage().users().list(context_.host().str());
        std::vector<std::string> texts;
        for (const auto& user : users) texts.push_back(user.str());
        co_return figure_or_list(list, "registeredusers", "Users", std::move(texts));
    }
    awaitable<Outcome> online(bool list) {
        const auto users = co_await online_users();
        std::vector<std::string> texts;
        for (const auto& [user, active] : users) texts.push_back(user);
        co_return figure_or_list(list, "onlineusers", "Users online", std::move(texts));
    }
    awaitable<Outcome> online(bool list, bool active) {
        const auto users = co_await online_users();
        std::vector<std::string> texts;
        for (const auto& [user, is] : users) {
            if (is == active) texts.push_back(user);
        }
        co_return active ? figure_or_list(list, "activeusers", "Active users", std::move(texts))
                         : figure_or_list(list, "idleusers", "Idle users", std::move(texts));
    }
    awaitable<Outcome> disabled(bool list) {
        const auto users = co_await context_.storage().users().list(context_.host().str());
        std::vector<std::string> texts;
        for (const auto& user : users) {
            const bool is = co_await session::is_disabled(context_.storage(), user);
            if (is) texts.push_back(user.str());
        }
        co_return figure_or_list(list, "disabledusers", "Disabled users", std::move(texts));
    }

    awaitable<Outcome> about_user(Form form, bool last_login) {
        const auto user = user_of(form.first(form.first("accountjid").empty() ? "accountjids" : "accountjid"));
        if (!user) co_return refusal(StanzaError::not_acceptable().with_text("That is no address of this host."));
        if (!last_login) co_return co_await show_roster(context_, *user);
        std::function<void(Administration&, std::vector<WallTime>&)> ask = [who = *user](auto& there, auto& into) {
            for (const auto& [jid, since] : there.online_) {
                if (jid.same_bare(who)) into.push_back(since);
            }
        };
        const auto since = co_await from_all_shards<WallTime>(std::move(ask));
        std::optional<WallTime> newest;
        for (const auto each : since) newest = std::max(newest.value_or(each), each);
        auto outcome = co_await show_last_login(context_, *user, newest);
        co_return outcome;
    }

    awaitable<Outcome> user_stats(Form form) {
        const auto user = user_of(form.first("accountjid"));
        if (!user) co_return refusal(StanzaError::not_acceptable().with_text("That is no address of this host."));
        const bool exists = co_await context_.storage().users().exists(*user);
        if (!exists) co_return refusal(StanzaError::item_not_found());
        const auto roster = co_await context_.storage().rosters().load(*user);
        std::function<void(Administration&, std::vector<std::string>&)> ask = [who = *user](auto& there, auto& into) {
            auto* account = there.context_.account(who);
            if (!account) return;
            for (const auto* session : account->sessions())
                into.push_back(std::string{session->jid().resource()} + ' ' + session->peer_address());
        };
        const auto resources = co_await from_all_shards<std::string>(std::move(ask));
        std::vector<std::string> names, addresses;
        for (const auto& each : resources) {
            const auto space = each.rfind(' ');
            names.push_back(each.substr(0, space));
            addresses.push_back(each.substr(space + 1));
        }
        pubsub::FormWriter writer{"result", kAdmin};
        writer.many("accountjid", "The user", "jid-single", {user->str()})
            .many("rostersize", "Contacts", "text-single", {std::to_string(roster.items.size())})
            .many("onlineresources", "Devices online", "text-multi", names)
            .many("ipaddresses", "Their addresses", "text-multi", addresses);
        CommandStep done;
        done.form = writer.take();
        co_return done;
    }

    ModuleContext& context_;
    Announcements announcements_;
    HouseRules rules_;
    Shutdown shutdown_{context_, announcements_};
    std::map<Jid, WallTime> online_;  ///< sessions of this shard, and since when
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor administration() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Administration>(context); }};
}

}  // namespace carillon::modules
