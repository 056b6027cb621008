#include "config/settings_schema.h"

#include <charconv>

#include "config/base/worker_address.h"

namespace carillon::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

std::string check_address(std::string_view text) { return is_address(text) ? "" : "is no IPv4 or IPv6 address"; }

std::string check_domain(std::string_view text) { return is_domain(text) ? "" : "is no domain"; }

std::string check_network(std::string_view text) {
    const auto slash = text.find('/');
    if (!is_address(text.substr(0, slash))) return "is no address or network, such as 192.0.2.0/24";
    if (slash == text.npos) return "";
    const auto bits = text.substr(slash + 1);
    const bool digits = !bits.empty() && bits.size() <= 3 && bits.find_first_not_of("0123456789") == bits.npos;
    const int most = text.substr(0, slash).contains(':') ? 128 : 32;
    return digits && std::stoi(std::string{bits}) <= most ? "" : "has no length of 0 to " + std::to_string(most);
}

std::string check_not_empty(std::string_view text) { return text.empty() ? "is empty" : ""; }

std::string check_web_address(std::string_view text) {
    return text.starts_with("https://") || text.starts_with("http://") ? "" : "does not begin with https://";
}

/// sockaddr_un holds 107 octets of path.
std::string check_socket(std::string_view text) {
    return text.size() <= 107 ? check_not_empty(text) : "is longer than a socket's path may be (107 octets)";
}

std::string check_server(std::string_view text) {
    const auto colon = text.rfind(':');
    if (text.empty()) return "";
    auto ip = text.substr(0, std::min(colon, text.size()));
    const bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
    if (bracketed) ip = ip.substr(1, ip.size() - 2);
    const bool numeric = is_address(ip) && bracketed == (ip.find(':') != ip.npos);
    unsigned port = 0;
    const auto digits = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool number = error == std::errc{} && end == digits.data() + digits.size() && port > 0 && port < 65536;
    return numeric && number ? "" : "is no numeric address with a port, such as 192.0.2.9:9060";
}

std::string check_worker(std::string_view text) {
    if (!parse_worker_address(text)) return "is no socket's path, and not tls://HOST:PORT";
    return text.starts_with("tls://") ? std::string{} : check_socket(text);
}

Schema network(NetworkSettings& s) {
    Schema out;
    out.texts("bind", s.bind, R"(["0.0.0.0", "::"])",
              "Addresses to listen on. Without it: loopback while localhost is the only domain, else every address.",
              check_address)
        .integer("c2s_port", s.c2s_port, 0, 65535, "XMPP clients, with STARTTLS. 0 switches a listener off.")
        .integer("c2s_tls_port", s.c2s_tls_port, 0, 65535, "XMPP clients, TLS from the first octet.")
        .integer("http_port", s.http_port, 0, 65535, "HTTP: status, health and metrics.")
        .integer("https_port", s.https_port, 0, 65535, "The same over TLS.")
        .integer("stun_port", s.stun_port, 0, 65535, "STUN and TURN over UDP and TCP.")
        .texts(
            "proxy_protocol", s.proxy_protocol, R"(["192.0.2.10", "10.1.0.0/16"])",
            "Load balancers: what connects from these addresses says first who the client is (PROXY protocol 1 or 2), "
            "on all ports for clients. Nobody else is believed.",
            check_network)
        .text("web_address", s.web_address,
              "Where the pages of https_port are found from outside, when another web server stands before it: "
              "https://chat.example.org.",
              check_web_address);
    return out;
}

Schema tls(TlsSettings& s) {
    Schema out;
    out.choice("min_version", s.min_version, {"1.2", "1.3"}, "Oldest TLS version that clients may use.")
        .text("client_authorities", s.client_authorities,
              "PEM file with the authorities whose certificates log clients in (SASL EXTERNAL), each for the XMPP "
              "address that it is made out to. Without it clients are not asked for any.",
              check_not_empty);
    return out;
}

Schema data(DataSettings& s) {
    Schema out;
    out.text("dir", s.dir, "Folder for the database, made certificates and the admin socket; created when missing.",
             check_not_empty);
    return out;
}

std::string check_device(std::string_view text) {
    const bool named = !text.empty() && text.size() < 16 && text.find_first_of("/ ") == text.npos;
    return named ? "" : "is no network device's name";
}

std::string check_url(std::string_view text) {
    if (text.empty() || text.starts_with("https://") || text.starts_with("http://")) return "";
    return "is no URL: it begins with https://";
}

std::string check_path(std::string_view text) { return text.starts_with('/') ? "" : "does not begin with a slash"; }

Schema web(WebSettings& s) {
    Schema out;
    out.text("public_url", s.public_url,
             "Where clients reach the HTTP ports, as a reverse proxy shows them, say \"https://chat.example.org\". "
             "Without it: as the client asked for it.",
             check_url)
        .texts("origins", s.origins, "[]", "Web pages whose scripts may connect, by WebSocket or BOSH. Empty: all.",
               check_not_empty)
        .text("websocket_path", s.websocket_path, "XMPP over WebSocket (RFC 7395).", check_path)
        .text("bosh_path", s.bosh_path, "XMPP over plain HTTP requests, BOSH (XEP-0124, XEP-0206).", check_path)
        .duration("bosh_wait", s.bosh_wait, 5s, 10min, "Longest that a BOSH request waits for something to tell.")
        .duration("bosh_inactivity", s.bosh_inactivity, 5s, 10min,
                  "Time without a request after which a BOSH session ends.");
    return out;
}

Schema bytestreams(BytestreamSettings& s) {
    Schema out;
    out.integer("port", s.port, 0, 65535, "Where clients meet (SOCKS5). 0: nowhere, and there is no such service.")
        .integer("connections", s.connections, 2, 1'000'000, "Connections at once, all in all; a stream takes two.")
        .integer("connections_per_address", s.connections_per_address, 2, 1'000'000,
                 "Connections at once from one address (IPv6: one /64).")
        .size("rate", s.rate, 0, 1024 * kMiB, "What passes of one stream in a second, both ways; 0: any amount.")
        .duration("idle_timeout", s.idle_timeout, 1s, 24h, "Silence after which a stream is cut.");
    return out;
}

std::string check_target(std::string_view text) {
    const auto equals = text.find('=');
    return equals == text.npos || equals == 0 || equals + 1 == text.size() ? "is not written as domain=host:port" : "";
}

Schema federated(FederatedDomain& s) {
    Schema out;
    out.boolean("dialback", s.dialback,
                "A call back to the domain will do as proof that a stream is its. Else certificates alone.")
        .boolean("bidirectional", s.bidirectional,
                 "Stanzas go both ways on one stream where the other server can (XEP-0288).")
        .size("octets_per_second", s.octets_per_second, 0, 1024 * kMiB,
              "How much is read of all streams of a domain together; who is faster waits. 0 B: no bound.")
        .integer("stanzas_per_second", s.stanzas_per_second, 0, 1'000'000, "The same in stanzas. 0: no bound.")
        .integer("streams", s.streams, 1, 10'000, "Streams that a domain may have open to this server.")
        .integer("queue_stanzas", s.queue_stanzas, 1, 1'000'000, "Stanzas that may wait for a domain; more bounce.")
        .size("queue", s.queue, 16 * kKiB, 1024 * kMiB, "Octets that may wait for a domain; more bounce.");
    return out;
}

/// One table of [[federation.domain]].
Schema federated_domain(FederatedDomain& s) {
    auto out = federated(s);
    out.text("name", s.name, "The domain; its subdomains are meant as well.", check_domain)
        .boolean("require_tls", s.require_tls, "false: plain text will do where the other server has no TLS.")
        .boolean("require_certificate", s.require_certificate, "Trust certificates alone.")
        .size("stanza_size", s.stanza_size, 10 * kKiB, 16 * kMiB, "Longest stanza from the domain.");
    return out;
}

Schema federation(FederationSettings& s) {
    auto out = federated(s.general);
    out.choice("enabled", s.enabled, {"auto", "yes", "no"},
               "Speak to other XMPP servers. auto: when the domain of a host has a dot.")
        .integer("port", s.port, 0, 65535, "Other servers, with STARTTLS. 0 switches a listener off.")
        .integer("tls_port", s.tls_port, 0, 65535, "Other servers, TLS from the first octet.")
        .boolean("require_certificate", s.require_certificate,
                 "Trust certificates alone. Without it a call back to the domain (dialback) over TLS will do.")
        .texts("allow", s.allow, R"(["example.net"])", "Domains to speak to, subdomains included. Empty: all.",
               check_domain)
        .texts("deny", s.deny, R"(["spam.example"])", "Domains not to speak to.", check_domain)
        .texts("targets", s.targets, R"(["example.net=192.0.2.1:5269", "example.com=tls://xmpp.example.com:5270"])",
               "Where the servers of a domain listen, in place of what the DNS says.", check_target)
        .text("authorities", s.authorities, "PEM file with authorities to trust beside those of the system.",
              check_not_empty)
        .duration("idle_timeout", s.idle_timeout, 10s, 24h, "Silence after which a stream to a server is closed.");
    static FederatedDomain sample;
    out.tables("domain", federated_domain(sample),
               "What holds for one domain instead, one table each. What a table lacks has the default.",
               [&s](const Value& table, const std::string& path, Problems& problems) {
                   FederatedDomain one;
                   federated_domain(one).read(table, path, problems);
                   if (one == FederatedDomain{}) return;  // as it stands in the reference file: nothing is meant
                   if (one.name.empty())
                       problems.push_back({table.line(), path, "has no name", R"(Write name = "example.net" in it)"});
                   s.domains.push_back(std::move(one));
               });
    return out;
}

Schema components(ComponentsSettings& s) {
    Schema out;
    out.texts(
           "bind", s.bind, R"(["127.0.0.1"])",
           "Addresses to listen on: loopback, as nothing is encrypted here. The port opens with the first component.",
           check_address)
        .integer("port", s.port, 0, 65535, "Where components connect (jabber:component:accept). 0: nowhere.")
        .choice("conflict", s.conflict, {"refuse", "replace"},
                "A second connection for a component that is there is refused, or takes the place of the first.")
        .size("stanza_size", s.stanza_size, 10 * kKiB, 16 * kMiB, "Longest stanza from a component.")
        .size("queue", s.queue, 64 * kKiB, 1024 * kMiB, "What may wait for one component; more is refused.")
        .integer("queue_stanzas", s.queue_stanzas, 1, 1'000'000, "How many stanzas may wait for one.")
        .size("octets_per_second", s.octets_per_second, 0, 1024 * kMiB,
              "How much is read of a component; one that is faster waits. 0 B: no bound.")
        .integer("stanzas_per_second", s.stanzas_per_second, 0, 1'000'000, "The same in stanzas. 0: no bound.")
        .duration("away", s.away, 0s, 10min,
                  "What is for a component that has gone waits so long for its return, then bounces.");
    return out;
}

Schema component(ComponentSettings& s) {
    Schema out;
    out.text("domain", s.domain, "Whose addresses the component speaks for: echo.example.org.", check_domain)
        .text("secret", s.secret, "What the component proves that it knows.", check_not_empty)
        .text("name", s.name, "Shown to people who look at what the host offers.");
    return out;
}

Schema storage(StorageSettings& s) {
    Schema out;
    out.text("database", s.database,
             "An SQLite file, or a PostgreSQL database as \"postgresql://USER@HOST/NAME\". Without it: carillon.sqlite "
             "in "
             "the data folder.",
             check_not_empty)
        .integer("threads", s.threads, 1, 64, "Threads that wait for the database.")
        .integer("queue", s.queue, 100, 1'000'000, "Database jobs that may wait; more are refused.");
    return out;
}

Schema limits(LimitSettings& s) {
    Schema out;
    out.size("stanza_size", s.stanza_size, 10'000, 16 * kMiB, "Largest stanza of a client that has logged in.")
        .size("unauthenticated_stanza_size", s.unauthenticated_stanza_size, 4 * kKiB, 1 * kMiB,
              "Largest element before log-in.")
        .integer("xml_depth", s.xml_depth, 8, 1024, "Deepest nesting of elements in a stanza.")
        .integer("xml_attributes", s.xml_attributes, 16, 1024, "Attributes of one element.")
        .integer("connections", s.connections, 1, 1'000'000, "Client connections at once, all in all.")
        .integer("connections_per_address", s.connections_per_address, 1, 1'000'000,
                 "Client connections at once from one address (IPv6: one /64).")
        .integer("connection_rate", s.connection_rate, 0, 100'000,
                 "New client connections of one address a second, ten times as many at once; 0: any number.")
        .size(
            "octets_per_second", s.octets_per_second, 0, 1024 * kMiB,
            "What is read of a client and second, and twice that of all of a user's. More waits; after some quiet four "
            "seconds' worth passes at once. 0: any amount.")
        .integer("stanzas_per_second", s.stanzas_per_second, 0, 1'000'000, "Stanzas likewise; 0: any number.")
        .duration("auth_timeout", s.auth_timeout, 1s, 10min, "Time from connecting to being logged in.")
        .integer("auth_attempts", s.auth_attempts, 1, 100, "Failed log-ins before a connection is closed.")
        .integer("sessions_per_user", s.sessions_per_user, 1, 1000, "Resources that one user may have online.")
        .size("send_queue", s.send_queue, 64 * kKiB, 1024 * kMiB,
              "Octets that wait for a slow client before its connection is closed.")
        .duration("idle_timeout", s.idle_timeout, 0s, 24h,
                  "Silence after which a logged-in client's connection is closed; \"0 s\": never.");
    return out;
}

Schema log(LogSettings& s) {
    Schema out;
    out.choice("level", s.level, {"trace", "debug", "info", "warning", "error", "off"},
               "What is written to standard error; read again on SIGHUP.");
    return out;
}

Schema relay(RelaySettings& s) {
    Schema out;
    out.boolean("enabled", s.enabled, "Relay media at all; without, calls go directly or not at all.")
        .integer("workers", s.workers, 0, 64, "Relay workers that this server starts and looks after.")
        .integer("shards", s.shards, 0, 256, "Media threads of a worker; 0: one.")
        .integer("port_min", s.port_min, 1024, 65535, "First UDP port for media.")
        .integer("port_max", s.port_max, 1024, 65535,
                 "Last UDP port for media; the range is shared out to the workers.")
        .integer("ice_port", s.ice_port, 0, 65535,
                 "One UDP port for the ICE legs of bridged calls, outside of the range above; a further one for each "
                 "further worker and media thread, consecutively. 0: each leg has ports of its own.")
        .integer("ice_tcp_port", s.ice_tcp_port, 0, 65535,
                 "TCP port where the relay takes ICE from clients that get no UDP through (RFC 6544); a further one "
                 "for each further worker and media thread, consecutively. 0: none; TURN over TCP and TLS is there "
                 "without it.")
        .texts("bind", s.bind, R"(["0.0.0.0", "::"])",
               "Addresses media ports are opened on. Without it: as network.bind.", check_address)
        .texts(
            "advertised", s.advertised, R"(["203.0.113.7", "2001:db8::7"])",
            "Addresses told to clients, when they differ from the bound ones (NAT). The first of each family counts.",
            check_address)
        .duration("media_timeout", s.media_timeout, 5s, 1h, "Silence after which a media session is closed.")
        .duration("stats_interval", s.stats_interval, 1s, 5min, "How often a worker reports its counters.")
        .integer("max_sessions", s.max_sessions, 1, 30'000, "Media sessions of one worker; more are refused.")
        .texts("kernel_path", s.kernel_path, R"(["eth0"])",
               "Network devices at which the kernel forwards settled media by itself: much cheaper, but past this "
               "machine's packet filter. The workers need CAP_BPF and CAP_NET_ADMIN; else they forward as without.",
               check_device)
        .texts("external", s.external, R"(["/run/carillon/relay-1.sock"])",
               "Workers that are started by somebody else, systemd for example: their control sockets, or "
               "\"tls://relay2.example.org:7443\" for those of other machines.",
               check_worker)
        .text("tls_authority", s.tls_authority,
              "Certificate of the authority that signs the certificates of workers of other machines, and nobody "
              "else's. scripts/relay-certificates makes it and the two below.")
        .text("tls_certificate", s.tls_certificate, "What this server shows such workers.")
        .text("tls_key", s.tls_key, "Its key.");
    return out;
}

Schema hep(HepSettings& s) {
    Schema out;
    out.text("server", s.server, "Where it listens for HEP over UDP, as 192.0.2.9:9060. Without it nothing is sent.",
             check_server)
        .integer("agent", s.agent, 1, 4'000'000'000U, "This server's number among those that send there.")
        .text("key", s.key, "What HOMER knows this server by, where it asks for that.");
    return out;
}

Schema turn(TurnSettings& s) {
    Schema out;
    out.boolean("enabled", s.enabled, "Serve TURN at network.stun_port; without, STUN alone.")
        .integer("tls_port", s.tls_port, 0, 65535,
                 "TURN over TLS and DTLS, with the hosts' certificates. 0: at network.stun_port alone.")
        .boolean("tcp", s.tcp, "Serve clients over TCP and TLS, too.")
        .boolean("tcp_relay", s.tcp_relay, "Relay TCP connections to peers (RFC 6062), not datagrams alone.")
        .boolean(
            "share_https", s.share_https,
            "Serve TURN over TLS at network.https_port as well: what says it speaks TURN goes to the relay worker.")
        .text("alternate_address", s.alternate_address,
              "Second address of this machine, for NAT discovery (RFC 5780); network.bind names the first.",
              [](std::string_view text) { return text.empty() ? std::string{} : check_address(text); })
        .integer("alternate_port", s.alternate_port, 1, 65535, "Second port for NAT discovery.")
        .integer("allocations_per_user", s.allocations_per_user, 1, 10'000, "Allocations of one user at a time.")
        .size("octets_per_second", s.octets_per_second, 0, 1024u * 1024 * 1024,
              "What one user may have relayed a second. 0: no cap.")
        .integer("connections", s.connections, 1, 1'000'000, "Clients over TCP, TLS and DTLS at a time.")
        .integer("connections_per_address", s.connections_per_address, 1, 100'000, "Of one address.")
        .texts("allow", s.allow, R"(["10.8.0.0/16"])", "Networks that clients may reach although they are not public.",
               check_network)
        .texts("deny", s.deny, R"(["198.51.100.0/24"])", "Networks that clients may not reach.", check_network);
    return out;
}

Schema admin(AdminSettings& s) {
    Schema out;
    out.text("socket", s.socket, "Socket for carillonctl. Without it: carillond.sock in the data folder.", check_socket)
        .text(
            "api_token_file", s.api_token_file,
            "File with the secret (32 characters or more) of the HTTP API for recordings, over TLS or from this host. "
            "Without it there is no such API.",
            check_not_empty);
    return out;
}

Schema deployment(DeploymentSettings& s) {
    Schema out;
    out.integer("threads", s.threads, 0, 256, "Threads for XMPP; 0: one a processor core.")
        .texts("plugins", s.plugins, R"(["/usr/lib/carillon/example.so"])", "Shared objects that bring more modules.",
               check_not_empty);
    return out;
}

}  // namespace

Schema host_schema(HostSettings& host) {
    Schema out;
    out.text("domain", host.domain, "What stands after the @ in its users' addresses.", check_domain)
        .choice(
            "type", host.type, {"users", "component"},
            "component: an external program serves the domain (XEP-0114); it needs a secret, and modules mean nothing.")
        .text("secret", host.secret, "What the component of that domain proves that it knows.", check_not_empty)
        .text("name", host.name, "Of a component, shown to people who look at what the host above it offers.")
        .text(
            "certificate", host.certificate,
            "PEM file, chain included; read again on SIGHUP. Without it a self-signed one is made in the data folder.",
            check_not_empty)
        .text("key", host.key, "PEM file with the certificate's private key.", check_not_empty)
        .texts("modules_enabled", host.modules_enabled, R"(["example"])", "Modules on top of the usual ones.",
               check_not_empty)
        .texts("modules_disabled", host.modules_disabled, R"(["version"])",
               "Usual modules that this host does without.", check_not_empty)
        .open_tables("module", host.modules, "A module's settings on this host alone, over those of [module.NAME].");
    return out;
}

Schema settings_schema(Settings& settings) {
    Schema out;
    out.table("network", network(settings.network), "Where the server listens.")
        .table("tls", tls(settings.tls), "Encryption of client connections.");
    static ComponentSettings sample_component;
    static HostSettings sample;  // only its defaults are looked at
    out.tables(
        "host", host_schema(sample), "Virtual hosts, one table each. Without any: localhost alone.",
        [&settings](const Value& table, const std::string& path, Problems& problems) {
            HostSettings host;
            host.domain.clear();
            const auto before = problems.size();
            host_schema(host).read(table, path, problems);
            if (host.domain.empty() && problems.size() == before)
                problems.push_back({table.line(), path, "has no domain", R"(Write domain = "example.org" in it)"});
            host.line = table.line();
            if (host.type != "component") {
                settings.hosts.push_back(std::move(host));
                return;
            }
            if (host.secret.empty() && problems.size() == before)
                problems.push_back({table.line(), path, "is a component without a secret", "Write secret in it"});
            if (host.certificate.empty() != host.key.empty())
                problems.push_back(
                    {table.line(), path, "has only one of certificate and key", "Give both, or neither"});
            settings.components.push_back({host.domain, host.secret, host.name, host.certificate, host.key});
        });
    out.open_tables("module", settings.modules, "A module's settings on every host; docs/configuration.md lists them.")
        .table("data", data(settings.data), "Files that the server keeps.")
        .table("web", web(settings.web), "XMPP over HTTP.")
        .table("bytestreams", bytestreams(settings.bytestreams),
               "Files between clients by way of this server (XEP-0065).")
        .table("federation", federation(settings.federation), "Other XMPP servers.")
        .table("components", components(settings.components_listener), "External components (XEP-0114).")
        .tables("component", component(sample_component), "External components, one table each.",
                [&settings](const Value& table, const std::string& path, Problems& problems) {
                    ComponentSettings one;
                    const auto before = problems.size();
                    component(one).read(table, path, problems);
                    // As it stands in the reference file: nothing is said, so nothing is meant.
                    if (one.domain.empty() && one.secret.empty() && one.name.empty()) return;
                    if ((one.domain.empty() || one.secret.empty()) && problems.size() == before) {
                        problems.push_back({table.line(), path, "lacks domain or secret", "Write both in it"});
                    }
                    settings.components.push_back(std::move(one));
                })
        .table("storage", storage(settings.storage), "The database.")
        .table("limits", limits(settings.limits), "What a client may ask for.")
        .table("log", log(settings.log), "Logs.")
        .table("relay", relay(settings.relay), "Media relay workers.")
        .table("turn", turn(settings.turn), "The TURN server.")
        .table("hep", hep(settings.hep),
               "HEPv3 to a HOMER server: the signaling and the figures of calls, without their keys.")
        .table("admin", admin(settings.admin), "The operator's door.")
        .table("deployment", deployment(settings.deployment), "How the work is laid out.");
    return out;
}

}  // namespace carillon::config
