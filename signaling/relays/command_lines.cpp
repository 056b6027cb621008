#include "signaling/relays/command_lines.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

namespace carillon::relays {
namespace {

bool is_ipv6(std::string_view address) { return address.find(':') != std::string_view::npos; }

std::string socket_of(const config::Settings& settings, unsigned number) {
    return settings.data.dir + "/relay-" + std::to_string(number) + ".sock";
}

/// How long a worker waits for a server that has died, once it carries nothing.
constexpr std::chrono::seconds kOrphanTime{60};

/// systemd's RuntimeDirectory= is a tmpfs: what is stored there the kernel never writes to a disk.
std::string journal_folder(const config::Settings& settings) {
    const char* runtime = std::getenv("RUNTIME_DIRECTORY");
    const std::string folder = runtime ? runtime : "";
    return folder.empty() || folder.find(':') != folder.npos ? settings.data.dir : folder;
}

std::string text_of(const sockaddr& address) {
    char text[NI_MAXHOST] = {};
    const socklen_t size = address.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getnameinfo(&address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
    const std::string out{text};
    return out.find('%') == out.npos ? out : std::string{};  // link-local: of no use without its link
}

/// What to bind and, at the same place, what to tell.
struct Addresses {
    std::vector<std::string> bind;
    std::vector<std::string> tell;
};

Addresses addresses(const config::RelaySettings& relay) {
    Addresses out;
    for (const auto& bound : relay.bind) {
        const auto given = std::ranges::find_if(
            relay.advertised, [&](const std::string& address) { return is_ipv6(address) == is_ipv6(bound); });
        const auto tell = given != relay.advertised.end() ? *given : address_to_tell(bound);
        if (tell.empty()) continue;  // the machine has no address of this family
        out.bind.push_back(bound);
        out.tell.push_back(tell);
    }
    return out;
}

using Option = std::function<void(const std::string&, const std::string&)>;

void add_turn(const config::Settings& settings, const Option& option) {
    const auto& turn = settings.turn;
    const auto& relay = settings.relay;
    option("--turn-secret-file", turn_secret_file(settings));
    if (!settings.hosts.empty()) option("--turn-realm", settings.hosts.front().domain);
    option("--turn-peer-ports", std::to_string(relay.port_min) + "-" + std::to_string(relay.port_max));
    option("--turn-certificates-file", turn_certificates_file(settings));
    if (turn.tls_port != 0) option("--turn-tls-port", std::to_string(turn.tls_port));
    if (shares_https(settings)) option("--turn-handover", turn_handover(settings));
    if (!turn.tcp) option("--turn-tcp", "false");
    if (!turn.tcp_relay) option("--turn-tcp-relay", "false");
    if (!turn.alternate_address.empty()) {
        option("--stun-alternate-address", turn.alternate_address);
        option("--stun-alternate-port", std::to_string(turn.alternate_port));
    }
    option("--turn-allocations", std::to_string(turn.allocations_per_user));
    option("--turn-bandwidth", std::to_string(turn.octets_per_second));
    option("--turn-connections", std::to_string(turn.connections));
    option("--turn-connections-per-address", std::to_string(turn.connections_per_address));
    for (const auto& network : turn.allow) option("--turn-allow", network);
    for (const auto& network : turn.deny) option("--turn-deny", network);
}

}  // namespace

std::string address_to_tell(const std::string& bound) {
    if (bound != "0.0.0.0" && bound != "::") return bound;
    const int family = bound == "::" ? AF_INET6 : AF_INET;
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) return {};
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{raw, &::freeifaddrs};
    std::string loopback;
    for (const auto* entry = list.get(); entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr || entry->ifa_addr->sa_family != family || (entry->ifa_flags & IFF_UP) == 0) continue;
        const auto text = text_of(*entry->ifa_addr);
        if (text.empty()) continue;
        if ((entry->ifa_flags & IFF_LOOPBACK) == 0) return text;
        if (loopback.empty()) loopback = text;
    }
    return loopback;
}

relay::api::TlsFiles tls_files(const config::Settings& settings) {
    const auto& relay = settings.relay;
    return {.authority = relay.tls_authority, .certificate = relay.tls_certificate, .key = relay.tls_key};
}

std::vector<std::string> control_sockets(const config::Settings& settings) {
    std::vector<std::string> sockets;
    if (!settings.relay.enabled) return sockets;
    for (unsigned i = 1; i <= settings.relay.workers; ++i) sockets.push_back(socket_of(settings, i));
    sockets.insert(sockets.end(), settings.relay.external.begin(), settings.relay.external.end());
    return sockets;
}

std::string turn_secret_file(const config::Settings& settings) {
    return serves_turn(settings) ? settings.data.dir + "/turn.secret" : std::string{};
}

bool serves_turn(const config::Settings& settings) {
    const auto& relay = settings.relay;
    return relay.enabled && relay.workers > 0 && settings.network.stun_port != 0 && settings.turn.enabled;
}

bool shares_https(const config::Settings& settings) {
    return serves_turn(settings) && settings.turn.tcp && settings.turn.share_https && settings.network.https_port != 0;
}

std::string turn_handover(const config::Settings& settings) { return settings.data.dir + "/turn.handover"; }

std::string turn_certificates_file(const config::Settings& settings) {
    return settings.data.dir + "/turn.certificates";
}

std::string worker_program() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return (error ? std::filesystem::path{"carillon-relay"} : self.parent_path() / "carillon-relay").string();
}

std::vector<WorkerCommand> command_lines(const config::Settings& settings, const std::string& program) {
    std::vector<WorkerCommand> commands;
    const auto& relay = settings.relay;
    if (!relay.enabled || relay.workers == 0) return commands;
    const auto told = addresses(relay);
    const unsigned ports = (relay.port_max - relay.port_min + 1u) / relay.workers;
    for (unsigned i = 1; i <= relay.workers; ++i) {
        WorkerCommand command{.name = "relay-" + std::to_string(i),
                              .socket = socket_of(settings, i),
                              .program = program,
                              .arguments = {}};
        const auto option = [&](const std::string& name, const std::string& value) {
            command.arguments.push_back(name);
            command.arguments.push_back(value);
        };
        const auto seconds = [](config::Duration duration) {
            return std::to_string(
                std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(duration).count()));
        };
        option("--control", command.socket);
        option("--journal", journal_folder(settings) + "/" + command.name + ".journal");
        option("--orphan-time", std::to_string(kOrphanTime.count()));
        for (const auto& address : told.bind) option("--bind", address);
        for (const auto& address : told.tell) option("--advertise", address);
        const auto first = relay.port_min + (i - 1) * ports;
        option("--ports", std::to_string(first) + "-" + std::to_string(first + ports - 1));
        if (relay.ice_port != 0)
            option("--ice-port", std::to_string(relay.ice_port + (i - 1) * (relay.ice_ports() / relay.workers)));
        if (relay.ice_tcp_port != 0)
            option("--ice-tcp-port",
                   std::to_string(relay.ice_tcp_port + (i - 1) * (relay.media_threads() / relay.workers)));
        if (relay.shards > 0) option("--shards", std::to_string(relay.shards));
        option("--media-timeout", seconds(relay.media_timeout));
        option("--report-interval", seconds(relay.stats_interval));
        for (const auto& device : relay.kernel_path) option("--kernel-path", device);
        option("--max-sessions", std::to_string(relay.max_sessions));
        option("--log-level", settings.log.level);
        if (i == 1 && settings.network.stun_port != 0) {  // one answers for all
            for (const auto& address : settings.network.bind) {
                if (!address_to_tell(address).empty()) option("--stun-bind", address);
            }
            option("--stun-port", std::to_string(settings.network.stun_port));
            if (serves_turn(settings)) add_turn(settings, option);
        }
        commands.push_back(std::move(command));
    }
    return commands;
}

}  // namespace carillon::relays
