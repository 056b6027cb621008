#include <set>

#include <boost/json.hpp>

#include "signaling/auth/scram.h"
#include "signaling/daemon/commands.h"
#include "signaling/runtime/accounts.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::daemon {

namespace json = boost::json;
using admin::Error;
using admin::Reply;
using boost::asio::awaitable;

namespace {

std::expected<xmpp::Jid, Error> user_argument(const CommandContext& context, const json::object& arguments) {
    const auto text = admin::text_argument(arguments, "jid");
    if (!text) return std::unexpected{text.error()};
    auto jid = xmpp::Jid::parse(*text);
    if (!jid || jid->node().empty() || jid->is_full()) {
        return std::unexpected{Error{"bad_arguments", "\"" + *text + "\" is no user's address; write name@domain."}};
    }
    if (!context.host.serves(jid->domain())) {
        return std::unexpected{
            Error{"bad_arguments", "this server does not serve the domain " + std::string{jid->domain()} + "."}};
    }
    return *jid;
}

std::expected<std::vector<storage::ScramKeys>, Error> keys_argument(const json::object& arguments) {
    const auto password = admin::text_argument(arguments, "password");
    if (!password) return std::unexpected{password.error()};
    if (password->empty()) return std::unexpected{Error{"bad_arguments", "the password is empty."}};
    auto keys = auth::make_all_scram_keys(*password);
    if (!keys) return std::unexpected{Error{"bad_arguments", keys.error()}};
    return std::move(*keys);
}

json::value jid_result(const xmpp::Jid& jid) { return json::object{{"jid", jid.str()}}; }

Error no_such_user(const xmpp::Jid& jid) {
    return {"not_found", "there is no user " + jid.str() + "; user list shows who there is."};
}

awaitable<Reply> add(CommandContext& context, const json::object& arguments) {
    const auto jid = user_argument(context, arguments);
    if (!jid) co_return std::unexpected{jid.error()};
    auto keys = keys_argument(arguments);
    if (!keys) co_return std::unexpected{keys.error()};
    const bool made = co_await context.storage.users().create(*jid, std::move(*keys));
    if (!made) {
        co_return std::unexpected{
            Error{"conflict", jid->str() + " is there already; user passwd changes the password."}};
    }
    context.host.account_changed(*jid, false);
    co_return jid_result(*jid);
}

awaitable<Reply> passwd(CommandContext& context, const json::object& arguments) {
    const auto jid = user_argument(context, arguments);
    if (!jid) co_return std::unexpected{jid.error()};
    auto keys = keys_argument(arguments);
    if (!keys) co_return std::unexpected{keys.error()};
    const bool set = co_await context.storage.users().set_keys(*jid, std::move(*keys));
    if (!set) co_return std::unexpected{no_such_user(*jid)};
    co_return jid_result(*jid);
}

awaitable<Reply> remove(CommandContext& context, const json::object& arguments) {
    const auto jid = user_argument(context, arguments);
    if (!jid) co_return std::unexpected{jid.error()};
    const bool removed = co_await runtime::remove_account(context.host.environment(), *jid);
    if (!removed) co_return std::unexpected{no_such_user(*jid)};
    co_return jid_result(*jid);
}

awaitable<Reply> list(CommandContext& context, const json::object& arguments) {
    std::vector<std::string> domains = context.host.repository().hosts();
    if (const auto* only = arguments.if_contains("domain")) {
        if (!only->is_string() || !context.host.serves(std::string_view{only->as_string()})) {
            co_return std::unexpected{Error{"not_found", "this server does not serve that domain."}};
        }
        domains = {std::string{only->as_string()}};
    }
    const auto sessions =
        co_await runtime::on_pool(context.blocking, [&host = context.host] { return host.sessions(); });
    std::set<std::string, std::less<>> online;
    for (const auto& session : sessions) online.insert(session.jid.substr(0, session.jid.find('/')));
    json::array users;
    for (auto& domain : domains) {
        const auto found = co_await context.storage.users().list(std::move(domain));
        for (const auto& jid : found) users.push_back({{"jid", jid.str()}, {"online", online.contains(jid.str())}});
    }
    co_return json::value(std::move(users));
}

}  // namespace

void add_user_commands(admin::Registry& registry, CommandContext& context) {
    registry.add("user.add", "Make a user.", [&](const json::object& arguments) { return add(context, arguments); });
    registry.add("user.passwd", "Change a user's password; sessions stay.",
                 [&](const json::object& arguments) { return passwd(context, arguments); });
    registry.add("user.delete", "Remove a user with all that is theirs.",
                 [&](const json::object& arguments) { return remove(context, arguments); });
    registry.add("user.list", "Users and whether they are online.",
                 [&](const json::object& arguments) { return list(context, arguments); });
}

}  // namespace carillon::daemon
