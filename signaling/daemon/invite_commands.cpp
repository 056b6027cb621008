#include "signaling/daemon/invite_commands.h"

#include <limits>

#include <boost/json.hpp>

#include "signaling/modules/registration/invite_links.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::daemon {

namespace json = boost::json;
using admin::Error;
using admin::Reply;
using boost::asio::awaitable;

namespace {

constexpr std::int64_t kMaxDays = 366;
constexpr std::int64_t kMaxUses = 10'000;

std::unexpected<Error> bad(std::string what) { return std::unexpected{Error{"bad_arguments", std::move(what)}}; }

std::string text(const json::object& arguments, std::string_view name) {
    const auto* value = arguments.if_contains(name);
    return value && value->is_string() ? std::string{value->as_string()} : std::string{};
}

std::expected<std::int64_t, Error> number(const json::object& arguments, std::string_view name, std::int64_t fallback,
                                          std::int64_t high) {
    const auto* value = arguments.if_contains(name);
    if (!value) return fallback;
    if (!value->is_int64() || value->as_int64() < 1 || value->as_int64() > high)
        return bad('"' + std::string{name} + "\" is a number from 1 to " + std::to_string(high) + '.');
    return value->as_int64();
}

std::expected<std::string, Error> host_argument(const CommandContext& context, const json::object& arguments) {
    auto host = text(arguments, "host");
    const auto hosts = context.host.repository().hosts();
    if (host.empty() && hosts.size() == 1) return hosts.front();
    if (host.empty()) return bad("this server has several domains; say which one.");
    if (!context.host.serves(host)) return bad("this server does not serve the domain " + host + '.');
    return host;
}

json::object to_json(const storage::Invite& invite, const runtime::WebAddress& web) {
    json::object out{{"uri", modules::invite_uri(invite)}};
    if (auto page = modules::invite_page(invite, web.of(invite.host)); !page.empty()) out["page"] = std::move(page);
    out["expires"] = xmpp::to_datetime(invite.expires);
    out["uses"] = invite.uses;
    if (!invite.account.empty()) out["account"] = invite.account;
    if (!invite.inviter.empty()) out["contact"] = invite.inviter.str();
    out["token"] = invite.token;
    return out;
}

awaitable<Reply> create(CommandContext& context, const InviteFacts& facts, const json::object& arguments) {
    const auto host = host_argument(context, arguments);
    if (!host) co_return std::unexpected{host.error()};
    const auto days = number(arguments, "days", 7, kMaxDays);
    if (!days) co_return std::unexpected{days.error()};
    const auto uses = number(arguments, "uses", 1, kMaxUses);
    if (!uses) co_return std::unexpected{uses.error()};
    storage::Invite invite;
    invite.host = *host;
    invite.registers = facts.registration(*host);
    if (const auto account = text(arguments, "account"); !account.empty()) {
        const auto user = xmpp::Jid::make(account, *host);
        if (!user || user->node().empty())
            co_return admin::refuse("bad_arguments", '"' + account + "\" is no user's name.");
        const bool taken = co_await context.storage.users().exists(*user);
        if (taken) co_return admin::refuse("conflict", user->str() + " is there already.");
        invite.account = user->node();
    }
    if (const auto contact = text(arguments, "contact"); !contact.empty()) {
        const auto user = xmpp::Jid::parse(contact);
        const bool known =
            user && user->is_bare() && user->domain() == *host && co_await context.storage.users().exists(*user);
        if (!known) co_return admin::refuse("not_found", "there is no user " + contact + '.');
        invite.inviter = *user;
    }
    if (!invite.registers && (invite.inviter.empty() || !invite.account.empty())) {
        co_return admin::refuse(
            "refused", "registration is closed on " + *host + R"(: set mode = "invite" in [module.registration].)");
    }
    invite.token = modules::make_invite_token();
    invite.created = SystemClock::instance().wall();
    invite.expires = invite.created + std::chrono::hours{24 * *days};
    invite.uses = static_cast<int>(*uses);
    storage::Invite stored = invite;
    const bool added =
        co_await context.storage.invites().add(std::move(stored), std::numeric_limits<std::size_t>::max());
    if (!added) co_return admin::refuse("refused", "there are too many invitations.");
    co_return json::value(to_json(invite, facts.web));
}

awaitable<Reply> list(CommandContext& context, const InviteFacts& facts, const json::object& arguments) {
    auto hosts = context.host.repository().hosts();
    if (const auto only = text(arguments, "host"); !only.empty()) hosts = {only};
    json::array all;
    for (auto& host : hosts) {
        const auto found = co_await context.storage.invites().list(std::move(host), SystemClock::instance().wall());
        for (const auto& invite : found) all.push_back(to_json(invite, facts.web));
    }
    co_return json::value(std::move(all));
}

awaitable<Reply> revoke(CommandContext& context, const json::object& arguments) {
    auto token = admin::text_argument(arguments, "token");
    if (!token) co_return std::unexpected{token.error()};
    const bool removed = co_await context.storage.invites().remove(std::move(*token));
    if (!removed) co_return admin::refuse("not_found", "there is no such invitation; invite list shows all.");
    co_return json::value(json::object{});
}

}  // namespace

void add_invite_commands(admin::Registry& registry, CommandContext& context, const InviteFacts& facts) {
    registry.add("invite.create", "Make an invitation.",
                 [&](const json::object& arguments) { return create(context, facts, arguments); });
    registry.add("invite.list", "Invitations that are valid.",
                 [&](const json::object& arguments) { return list(context, facts, arguments); });
    registry.add("invite.revoke", "Make an invitation invalid.",
                 [&](const json::object& arguments) { return revoke(context, arguments); });
}

}  // namespace carillon::daemon
