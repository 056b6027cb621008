/// Everything an operator can set, typed. The member initialisers are the defaults; bounds and help stand once, in
/// settings_schema.cpp; config/carillon.reference.toml is written from both.
/// Not here: the settings inside a module's own table (each module declares its own), reading TOML (loader.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/value.h"

namespace carillon::config {

using Duration = std::chrono::milliseconds;

/// Ports: 0 switches the listener off.
struct NetworkSettings {
    std::vector<std::string> bind;  ///< addresses; never empty after loading
    std::uint16_t c2s_port = 5222;
    std::uint16_t c2s_tls_port = 5223;
    std::uint16_t http_port = 5280;
    std::uint16_t https_port = 5281;
    std::uint16_t stun_port = 3478;
    std::vector<std::string> proxy_protocol;  ///< addresses and networks of load balancers that speak it
    std::string web_address;                  ///< of pages in links for people; empty: the host's domain and https_port
};

struct TlsSettings {
    std::string min_version = "1.2";  ///< "1.2" or "1.3"
    std::string client_authorities;   ///< PEM file; empty: clients are not asked for certificates
};

/// A module's own tables, by module name.
using ModuleTables = std::map<std::string, Value, std::less<>>;

/// One virtual host.
struct HostSettings {
    std::string domain = "localhost";
    std::string certificate;                   ///< PEM file; empty: a self-signed one is made in the data folder
    std::string key;                           ///< PEM file
    std::vector<std::string> modules_enabled;  ///< on top of those that are on by default
    std::vector<std::string> modules_disabled;
    ModuleTables modules;        ///< after loading: the tables of [module.NAME] with those of this host laid over them
    std::string type = "users";  ///< or "component": then it becomes a ComponentSettings
    std::string secret;          ///< of a component
    std::string name;            ///< of a component
    int line = 0;                ///< of its table
};

struct DataSettings {
    std::string dir = "./var";
};

/// XMPP over HTTP: WebSocket and BOSH, and how clients find them.
struct WebSettings {
    std::string public_url;            ///< e.g. "https://chat.example.org"; empty: as the client asked for it
    std::vector<std::string> origins;  ///< web pages that may connect; empty: all
    std::string websocket_path = "/xmpp-websocket";
    std::string bosh_path = "/http-bind";
    Duration bosh_wait{60'000};
    Duration bosh_inactivity{60'000};
};

/// The proxy for files between clients.
struct BytestreamSettings {
    std::uint16_t port = 7777;
    std::size_t connections = 1000;
    std::size_t connections_per_address = 50;
    std::size_t rate = 0;  ///< octets a second of one stream; 0: any
    Duration idle_timeout{600'000};
};

/// Other servers.
/// What holds for one domain and its subdomains, over what [federation] says.
struct FederatedDomain {
    std::string name;
    bool require_tls = true;
    bool require_certificate = false;
    bool dialback = true;
    bool bidirectional = true;
    std::size_t octets_per_second = 0;
    unsigned stanzas_per_second = 0;
    std::size_t stanza_size = 256 * 1024;
    unsigned streams = 50;
    unsigned queue_stanzas = 1'000;
    std::size_t queue = 4 * 1024 * 1024;

    bool operator==(const FederatedDomain&) const = default;
};

struct FederationSettings {
    std::string enabled = "auto";  ///< "auto": when a host's domain has a dot, as names in the DNS have
    std::uint16_t port = 5269;
    std::uint16_t tls_port = 5270;
    bool require_certificate = false;
    std::vector<std::string> allow;
    std::vector<std::string> deny;
    std::vector<std::string> targets;  ///< "domain=host:port"
    std::string authorities;           ///< PEM file
    Duration idle_timeout = std::chrono::minutes{10};
    FederatedDomain general;  ///< for domains without a table of their own; its name and require_certificate count not
    std::vector<FederatedDomain> domains;
};

/// External components (XEP-0114): the port, and what holds for all of them.
struct ComponentsSettings {
    std::vector<std::string> bind{"127.0.0.1"};
    std::uint16_t port = 5347;
    std::string conflict = "refuse";  ///< or "replace"
    std::size_t stanza_size = 512 * 1024;
    std::size_t queue = 8 * 1024 * 1024;
    unsigned queue_stanzas = 5'000;
    std::size_t octets_per_second = 0;
    unsigned stanzas_per_second = 0;
    Duration away = std::chrono::seconds{5};
};

/// One external component: a [[component]], or a [[host]] of that type.
struct ComponentSettings {
    std::string domain;
    std::string secret;
    std::string name;
    std::string certificate;  ///< PEM file; empty: that of the host above it
    std::string key;          ///< PEM file
};

struct StorageSettings {
    std::string database;  ///< SQLite file or PostgreSQL URI; empty: carillon.sqlite in the data folder
    unsigned threads = 2;  ///< blocking pool
    std::size_t queue = 10'000;
};

struct LimitSettings {
    std::size_t stanza_size = 256 * 1024;
    std::size_t unauthenticated_stanza_size = 10 * 1024;
    unsigned xml_depth = 64;
    unsigned xml_attributes = 64;
    std::size_t connections = 20'000;
    std::size_t connections_per_address = 100;
    unsigned connection_rate = 100;
    std::size_t octets_per_second = 512 * 1024;
    unsigned stanzas_per_second = 500;
    Duration auth_timeout{60'000};
    unsigned auth_attempts = 5;
    unsigned sessions_per_user = 20;
    std::size_t send_queue = 2 * 1024 * 1024;
    Duration idle_timeout{0};  ///< 0: only TCP's own
};

struct LogSettings {
    std::string level = "info";
};

struct RelaySettings {
    bool enabled = true;
    unsigned workers = 1;
    unsigned shards = 0;  ///< per worker; 0: one
    std::uint16_t port_min = 30'000;
    std::uint16_t port_max = 39'999;
    std::uint16_t ice_port = 0;  ///< the first of them; 0: none
    std::uint16_t ice_tcp_port = 0;  ///< the same over TCP
    unsigned media_threads() const { return workers * (shards == 0 ? 1 : shards); }
    unsigned ice_ports() const { return ice_port == 0 ? 0 : media_threads(); }
    std::vector<std::string> bind;        ///< never empty after loading
    std::vector<std::string> advertised;  ///< empty: the bind addresses, or this machine's when they are wildcards
    Duration media_timeout{60'000};
    Duration stats_interval{5'000};
    std::size_t max_sessions = 4'000;
    std::vector<std::string> kernel_path;  ///< network devices
    std::vector<std::string> external;  ///< workers that somebody else runs (base/worker_address.h)
    std::string tls_authority;          ///< the three: for external workers of other machines
    std::string tls_certificate;
    std::string tls_key;
};

/// The TURN server of the first relay worker, at network.stun_port.
struct TurnSettings {
    bool enabled = true;
    std::uint16_t tls_port = 5349;  ///< 0: none of its own
    bool tcp = true;
    bool tcp_relay = true;
    bool share_https = true;
    std::string alternate_address;
    std::uint16_t alternate_port = 3479;
    std::size_t allocations_per_user = 50;
    std::size_t octets_per_second = 0;  ///< of a user; 0: no cap
    std::size_t connections = 20'000;
    std::size_t connections_per_address = 200;
    std::vector<std::string> allow;
    std::vector<std::string> deny;
};

/// Copies of calls' signaling and figures for a HOMER server.
struct HepSettings {
    std::string server;  ///< numeric address and port; empty: off
    unsigned agent = 1;
    std::string key;
};

struct AdminSettings {
    std::string socket;          ///< empty: carillond.sock in the data folder
    std::string api_token_file;  ///< empty: no HTTP API
};

struct DeploymentSettings {
    unsigned threads = 0;              ///< 0: as many as the machine has cores
    std::vector<std::string> plugins;  ///< shared objects with modules
};

struct Settings {
    NetworkSettings network;
    TlsSettings tls;
    std::vector<HostSettings> hosts;  ///< never empty after loading
    ModuleTables modules;             ///< [module.NAME]: what holds on every host
    DataSettings data;
    WebSettings web;
    BytestreamSettings bytestreams;
    FederationSettings federation;
    ComponentsSettings components_listener;
    std::vector<ComponentSettings> components;
    StorageSettings storage;
    LimitSettings limits;
    LogSettings log;
    RelaySettings relay;
    TurnSettings turn;
    HepSettings hep;
    AdminSettings admin;
    DeploymentSettings deployment;

    std::string admin_socket() const { return admin.socket.empty() ? data.dir + "/carillond.sock" : admin.socket; }
    std::string database_file() const {
        return storage.database.empty() ? data.dir + "/carillon.sqlite" : storage.database;
    }
};

}  // namespace carillon::config
