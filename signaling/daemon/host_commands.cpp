#include <boost/json.hpp>

#include "signaling/daemon/commands.h"
#include "signaling/runtime/on_pool.h"

namespace carillon::daemon {

namespace json = boost::json;
using admin::Error;
using admin::Reply;
using boost::asio::awaitable;

namespace {

awaitable<Reply> list_sessions(CommandContext& context, const json::object& arguments) {
    const auto* only = arguments.if_contains("jid");
    const auto prefix = only && only->is_string() ? std::string{only->as_string()} + '/' : std::string{};
    const auto all = co_await runtime::on_pool(context.blocking, [&host = context.host] { return host.sessions(); });
    json::array sessions;
    for (const auto& session : all) {
        if (!session.jid.starts_with(prefix)) continue;
        sessions.push_back({{"jid", session.jid},
                            {"address", session.address},
                            {"encrypted", session.encrypted},
                            {"available", session.available},
                            {"priority", session.priority}});
    }
    co_return json::value(std::move(sessions));
}

awaitable<Reply> kick(CommandContext& context, const json::object& arguments) {
    const auto text = admin::text_argument(arguments, "jid");
    if (!text) co_return std::unexpected{text.error()};
    const auto jid = xmpp::Jid::parse(*text);
    if (!jid) co_return std::unexpected{Error{"bad_arguments", "\"" + *text + "\" is no address."}};
    auto work = [&host = context.host, jid = *jid] { return host.kick(jid); };
    const auto ended = co_await runtime::on_pool(context.blocking, std::move(work));
    if (ended == 0)
        co_return std::unexpected{Error{"not_found", jid->str() + " has no session; session list shows all."}};
    co_return json::object{{"kicked", ended}};
}

awaitable<Reply> list_modules(CommandContext& context, const json::object& arguments) {
    const auto* host = arguments.if_contains("host");
    json::array modules;
    for (const auto& state : context.host.repository().list()) {
        if (host && host->is_string() && std::string_view{host->as_string()} != state.host) continue;
        json::object module{{"host", state.host},
                            {"name", std::string{state.info.name}},
                            {"version", std::string{state.info.version}},
                            {"loaded", state.loaded}};
        if (state.info.xep) module["xep"] = state.info.xep;
        module["summary"] = std::string{state.info.summary};
        modules.push_back(std::move(module));
    }
    co_return json::value(std::move(modules));
}

using Change = runtime::Repository::Result (runtime::Repository::*)(const std::string&, const std::string&);

awaitable<Reply> change_module(CommandContext& context, const json::object& arguments, Change change) {
    const auto name = admin::text_argument(arguments, "name");
    if (!name) co_return std::unexpected{name.error()};
    auto hosts = context.host.repository().hosts();
    if (const auto* only = arguments.if_contains("host")) {
        if (!only->is_string()) co_return std::unexpected{Error{"bad_arguments", "host must be a text."}};
        hosts = {std::string{only->as_string()}};
    }
    json::array changed;
    std::string refused;
    for (const auto& host : hosts) {
        auto work = [&repository = context.host.repository(), change, host, module = *name] {
            return (repository.*change)(host, module);
        };
        const auto result = co_await runtime::on_pool(context.blocking, std::move(work));
        if (result) {
            changed.push_back(json::value(host));
        } else {
            refused = host + ": " + result.error();
        }
    }
    if (changed.empty()) co_return std::unexpected{Error{"failed", refused}};
    co_return json::object{{"name", *name}, {"hosts", std::move(changed)}};
}

awaitable<Reply> status(CommandContext& context, std::chrono::steady_clock::time_point started) {
    const auto sessions =
        co_await runtime::on_pool(context.blocking, [&host = context.host] { return host.sessions(); });
    std::string last;
    std::size_t users = 0;
    for (const auto& session : sessions) {  // sorted by address
        auto bare = session.jid.substr(0, session.jid.find('/'));
        if (bare != last) ++users;
        last = std::move(bare);
    }
    std::size_t modules = 0;
    for (const auto& state : context.host.repository().list()) modules += state.loaded ? 1 : 0;
    json::array domains;
    for (const auto& host : context.host.repository().hosts()) domains.push_back(json::value(host));
    const auto up = std::chrono::steady_clock::now() - started;
    json::object result{{"version", CARILLON_VERSION},
                        {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(up).count()},
                        {"domains", std::move(domains)},
                        {"users_online", users},
                        {"sessions", sessions.size()},
                        {"modules", modules}};
    auto more = [&context] {
        json::object others;
        if (context.more_status) context.more_status(others);
        return others;
    };
    auto others = co_await runtime::on_pool(context.blocking, std::move(more));
    for (auto& member : others) result.insert(member);
    co_return json::value(std::move(result));
}

}  // namespace

void add_session_commands(admin::Registry& registry, CommandContext& context) {
    registry.add("session.list", "Who is connected.",
                 [&](const json::object& arguments) { return list_sessions(context, arguments); });
    registry.add("session.kick", "End sessions of a user, or one.",
                 [&](const json::object& arguments) { return kick(context, arguments); });
}

void add_module_commands(admin::Registry& registry, CommandContext& context) {
    registry.add("module.list", "Modules of every host and whether they are loaded.",
                 [&](const json::object& arguments) { return list_modules(context, arguments); });
    registry.add("module.load", "Start a module; users stay online.", [&](const json::object& arguments) {
        return change_module(context, arguments, &runtime::Repository::load);
    });
    registry.add("module.unload", "End a module; users stay online.", [&](const json::object& arguments) {
        return change_module(context, arguments, &runtime::Repository::unload);
    });
    registry.add(
        "module.reload", "End a module and start it anew; users stay online.",
        [&](const json::object& arguments) { return change_module(context, arguments, &runtime::Repository::reload); });
}

void add_status_command(admin::Registry& registry, CommandContext& context) {
    registry.add(
        "status", "The server in a few figures.",
        [&, started = std::chrono::steady_clock::now()](const json::object&) { return status(context, started); });
}

}  // namespace carillon::daemon
