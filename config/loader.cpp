#include "config/loader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "config/settings_schema.h"
#include "config/toml_reader.h"

namespace carillon::config {
namespace {

constexpr std::uintmax_t kLargestFile = 4 * 1024 * 1024;

/// `above` laid over `below`, table by table.
Value merged(const Value& below, const Value& above) {
    const auto* base = below.get_if<Value::Table>();
    const auto* over = above.get_if<Value::Table>();
    if (!base || !over) return above;
    auto out = *base;
    for (const auto& [key, value] : *over) {
        auto& slot = out[key];
        slot = slot.is_null() ? value : merged(slot, value);
    }
    return {std::move(out), above.line()};
}

int line_of(const Value& tree, std::string_view section, std::string_view key) {
    const auto line = tree[section][key].line();
    return line > 0 ? line : tree[section].line();
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

/// What no key alone can tell.
void check_together(const Settings& settings, const Value& tree, Problems& problems) {
    std::set<std::string> domains;
    for (std::size_t i = 0; i < settings.hosts.size(); ++i) {
        const auto& host = settings.hosts[i];
        const auto line = host.line;
        if (!host.domain.empty() && !domains.insert(lower(host.domain)).second)
            problems.push_back({line, "host.domain", host.domain + " is there twice", "Put both tables into one"});
        if (host.certificate.empty() != host.key.empty())
            problems.push_back({line, "host", "has only one of certificate and key", "Give both, or neither"});
        for (const auto& name : host.modules_disabled)
            if (std::ranges::find(host.modules_enabled, name) != host.modules_enabled.end())
                problems.push_back({line, "host", name + " is both enabled and disabled", "Take it out of one list"});
    }

    const auto& network = settings.network;
    std::map<unsigned, std::string> ports;
    for (const auto& [key, port] : {std::pair{"c2s_port", network.c2s_port},
                                    {"c2s_tls_port", network.c2s_tls_port},
                                    {"http_port", network.http_port},
                                    {"https_port", network.https_port}}) {
        if (port == 0) continue;
        const auto [at, fresh] = ports.emplace(port, key);
        if (!fresh)
            problems.push_back({line_of(tree, "network", key), std::string{"network."} + key,
                                "has the same port as " + at->second, "Give each listener a port of its own"});
    }

    const auto& relay = settings.relay;
    const auto relay_line = line_of(tree, "relay", "port_max");
    if (relay.port_max < relay.port_min + 3) {
        problems.push_back({relay_line, "relay.port_max", "leaves fewer than four ports",
                            "A session takes up to four: make it at least relay.port_min + 3"});
    } else if (relay.enabled && (relay.port_max - relay.port_min + 1U) / 4 < relay.workers) {
        problems.push_back({relay_line, "relay.port_max", "leaves fewer than four ports a worker",
                            "Widen the range or lower relay.workers"});
    } else if (relay.enabled && network.stun_port >= relay.port_min && network.stun_port <= relay.port_max) {
        problems.push_back({line_of(tree, "network", "stun_port"), "network.stun_port", "lies among the relay's ports",
                            "Move it out of relay.port_min to relay.port_max"});
    }
    if (relay.enabled && relay.ice_port != 0) {
        const auto last = relay.ice_port + relay.ice_ports() - 1;
        const auto meets = [&](unsigned from, unsigned to) { return relay.ice_port <= to && last >= from; };
        const auto complain = [&](const char* what, const char* remedy) {
            problems.push_back({line_of(tree, "relay", "ice_port"), "relay.ice_port", what, remedy});
        };
        if (relay.ice_ports() > 0 && last > 65535)
            complain("leaves no port for each worker and media thread", "Choose a lower one");
        if (meets(relay.port_min, relay.port_max))
            complain("lies among the relay's ports", "Move it out of relay.port_min to relay.port_max");
        for (const unsigned port : {network.stun_port, settings.turn.tls_port, settings.turn.alternate_port})
            if (port != 0 && meets(port, port)) complain("meets a port of STUN or TURN", "Choose another");
    }
    if (relay.enabled && relay.ice_tcp_port != 0) {
        const auto last = relay.ice_tcp_port + std::max(1U, relay.media_threads()) - 1;
        const auto complain = [&](const std::string& what, const char* remedy) {
            problems.push_back({line_of(tree, "relay", "ice_tcp_port"), "relay.ice_tcp_port", what, remedy});
        };
        if (last > 65535) complain("leaves no port for each worker and media thread", "Choose a lower one");
        const auto meets = [&](unsigned port) { return port >= relay.ice_tcp_port && port <= last; };
        for (const auto& [port, key] : ports)
            if (meets(port)) complain("meets network." + key, "Choose another");
        for (const unsigned port : {network.stun_port, settings.turn.tls_port})
            if (port != 0 && meets(port)) complain("meets a port of STUN or TURN", "Choose another");
    }
    const bool elsewhere =
        std::ranges::any_of(relay.external, [](const std::string& worker) { return worker.starts_with("tls://"); });
    const bool proven = !relay.tls_authority.empty() && !relay.tls_certificate.empty() && !relay.tls_key.empty();
    if (relay.enabled && elsewhere && !proven)
        problems.push_back({line_of(tree, "relay", "external"), "relay.external", "has a worker of another machine",
                            "Name relay.tls_authority, relay.tls_certificate and relay.tls_key, too; "
                            "scripts/relay-certificates makes them"});
    const auto& turn = settings.turn;
    for (const auto& [key, port] : {std::pair{"tls_port", turn.tls_port}, {"alternate_port", turn.alternate_port}}) {
        if (!relay.enabled || !turn.enabled || port < relay.port_min || port > relay.port_max) continue;
        problems.push_back({line_of(tree, "turn", key), std::string{"turn."} + key, "lies among the relay's ports",
                            "Move it out of relay.port_min to relay.port_max"});
    }
    if (turn.tls_port != 0) {
        const auto [at, fresh] = ports.emplace(turn.tls_port, "turn");
        if (!fresh && turn.enabled && turn.tcp)
            problems.push_back({line_of(tree, "turn", "tls_port"), "turn.tls_port", "is network." + at->second,
                                "Give it a port of its own; turn.share_https serves both at network.https_port"});
    }
}

/// Fills what depends on other keys.
void finish(Settings& settings) {
    if (settings.hosts.empty()) settings.hosts.emplace_back();
    for (auto& host : settings.hosts) {
        auto own = std::move(host.modules);
        host.modules = settings.modules;
        for (auto& [name, table] : own) {
            auto& slot = host.modules[name];
            slot = slot.is_null() ? table : merged(slot, table);
        }
    }
    const auto only_localhost =
        std::ranges::all_of(settings.hosts, [](const auto& host) { return lower(host.domain) == "localhost"; });
    if (settings.network.bind.empty())
        settings.network.bind =
            only_localhost ? std::vector<std::string>{"127.0.0.1", "::1"} : std::vector<std::string>{"0.0.0.0", "::"};
    if (settings.relay.bind.empty()) settings.relay.bind = settings.network.bind;
}

}  // namespace

Settings defaults(std::string_view domain) {
    Settings settings;
    settings.hosts.push_back({.domain = std::string{domain}});
    finish(settings);
    return settings;
}

std::expected<Settings, Problems> load_text(std::string_view text) {
    const auto tree = read_toml(text);
    if (!tree) return std::unexpected{tree.error()};
    Settings settings;
    Problems problems;
    settings_schema(settings).read(*tree, {}, problems);
    check_together(settings, *tree, problems);
    if (!problems.empty()) {
        std::ranges::stable_sort(problems, {}, &Problem::line);
        return std::unexpected{std::move(problems)};
    }
    finish(settings);
    return settings;
}

std::expected<Settings, Problems> load_file(const std::filesystem::path& path) {
    const auto refuse = [](std::string what, std::string remedy) {
        return std::unexpected{Problems{{0, {}, std::move(what), std::move(remedy)}}};
    };
    std::error_code error;
    if (const auto size = std::filesystem::file_size(path, error); !error && size > kLargestFile)
        return refuse("is larger than 4 MiB", "A configuration is not that long: check the path");
    std::ifstream file{path, std::ios::binary};
    if (!file)
        return refuse(std::string{"cannot be read: "} + std::strerror(errno),
                      "Check the path, or write one with carillond --print-reference-config");
    std::string text(kLargestFile + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return refuse("cannot be read", "It must be a plain file");
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kLargestFile) return refuse("is larger than 4 MiB", "It must be a plain file");
    return load_text(text);
}

std::string reference_text() {
    Settings settings;
    return "# Carillon's configuration: every key at its default, with what it takes. Copy what you change.\n"
           "# Times have units: \"500 ms\", \"30 s\", \"5 min\", \"2 h\", \"7 d\". Sizes too: \"64 KiB\", \"2 "
           "MiB\".\n\n" +
           settings_schema(settings).reference();
}

}  // namespace carillon::config
