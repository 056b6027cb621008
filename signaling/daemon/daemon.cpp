#include "signaling/daemon/daemon.h"

#include <algorithm>

#include <boost/json.hpp>

#include "config/base/log.h"
#include "signaling/calls/commands.h"
#include "signaling/calls/worker_relay.h"
#include "signaling/daemon/all_modules.h"
#include "signaling/daemon/data_folder.h"
#include "signaling/daemon/invite_page.h"
#include "signaling/daemon/recordings_api.h"
#include "signaling/relays/command_lines.h"
#include "signaling/relays/commands.h"
#include "signaling/storage/sql_storage.h"

namespace carillon::daemon {

namespace {

constexpr std::chrono::minutes kSweep{10};    ///< between looks at files that have had their day
constexpr std::chrono::seconds kPatience{5};  ///< for clients to take their leave at the end

/// Beside this program; empty when it is not there.
std::filesystem::path thumbnailer() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto program = self.parent_path() / "carillon-thumbnail";
    return std::filesystem::exists(program, error) ? program : std::filesystem::path{};
}

/// What XEP-0215 tells of: the STUN and TURN server of the first relay worker, at the name of the host itself.
/// Of one type, what serves best stands first: some clients try no more than a few.
runtime::ExternalServiceList external_services(const config::Settings& settings, Secret turn_secret) {
    runtime::ExternalServiceList list;
    if (!settings.relay.enabled || settings.network.stun_port == 0) return list;
    const auto add = [&](const char* type, const char* transport, std::uint16_t port) {
        if (port != 0) list.services.push_back({type, transport, {}, port, std::string_view{type}.starts_with("turn")});
    };
    const auto& turn = settings.turn;
    const auto port = settings.network.stun_port;
    add("stun", "udp", port);
    add("stun", "tcp", port);
    if (turn_secret.empty()) return list;
    if (turn.tcp) add("stuns", "tcp", turn.tls_port);
    add("turn", "udp", port);
    if (turn.tcp) add("turn", "tcp", port);
    if (turn.tcp) add("turns", "tcp", turn.tls_port);
    if (relays::shares_https(settings)) add("turns", "tcp", settings.network.https_port);
    add("turns", "udp", turn.tls_port);
    list.turn_secret = std::move(turn_secret);
    return list;
}

runtime::ModuleSelection selection_of(const config::HostSettings& host) {
    runtime::ModuleSelection selection;
    selection.settings = host.modules;
    for (const auto& name : host.modules_enabled) {
        selection.settings.try_emplace(name, config::Value{config::Value::Table{}});
    }
    selection.off.insert(host.modules_disabled.begin(), host.modules_disabled.end());
    return selection;
}

host::HostConfig host_config(const config::Settings& settings) {
    host::HostConfig config;
    config.shards = settings.deployment.threads;
    config.plugins = settings.deployment.plugins;
    for (const auto& host : settings.hosts) config.domains.push_back({host.domain, selection_of(host)});
    config.sessions.sessions_per_user = settings.limits.sessions_per_user;
    config.journal = std::filesystem::path{settings.data.dir} / "journal";
    return config;
}

stream::StreamOptions stream_options(const config::Settings& settings, Secret secret) {
    stream::StreamOptions options;
    options.auth_timeout = settings.limits.auth_timeout;
    options.auth_attempts = settings.limits.auth_attempts;
    options.stanza_bytes = settings.limits.stanza_size;
    options.unauthenticated_stanza_bytes = settings.limits.unauthenticated_stanza_size;
    options.xml_depth = settings.limits.xml_depth;
    options.xml_attributes = settings.limits.xml_attributes;
    options.send_queue_bytes = settings.limits.send_queue;
    options.octets_per_second = settings.limits.octets_per_second;
    options.stanzas_per_second = settings.limits.stanzas_per_second;
    options.idle_ping = std::chrono::duration_cast<std::chrono::seconds>(settings.limits.idle_timeout);
    options.decoy_secret = std::move(secret);
    return options;
}

/// The configuration has been checked: what is no network does not come this far.
stream::ConnectionLimits connection_limits(const config::Settings& settings) {
    return {settings.limits.connections_per_address, settings.limits.connections,
            static_cast<double>(settings.limits.connection_rate),
            net::AddressList::parse(settings.network.proxy_protocol).value_or(net::AddressList{})};
}

bool federates(const config::Settings& settings) {
    if (settings.federation.enabled != "auto") return settings.federation.enabled == "yes";
    return std::ranges::any_of(settings.hosts, [](const auto& host) { return host.domain.contains('.'); });
}

federation::DomainPolicy domain_policy(const config::FederatedDomain& chosen) {
    federation::DomainPolicy policy;
    policy.require_tls = chosen.require_tls;
    policy.require_certificate = chosen.require_certificate;
    policy.dialback = chosen.dialback;
    policy.bidi = chosen.bidirectional;
    policy.octets_per_second = static_cast<double>(chosen.octets_per_second);
    policy.stanzas_per_second = chosen.stanzas_per_second;
    policy.stanza_octets = chosen.stanza_size;
    policy.streams = chosen.streams;
    policy.queued_stanzas = chosen.queue_stanzas;
    policy.queued_octets = chosen.queue;
    return policy;
}

federation::Options federation_options(const config::Settings& settings, const Secret& secret) {
    federation::Options options;
    const auto& chosen = settings.federation;
    options.general = domain_policy(chosen.general);
    options.general.require_certificate = chosen.require_certificate;
    options.general.stanza_octets = settings.limits.stanza_size;
    for (const auto& domain : chosen.domains) options.domains[domain.name] = domain_policy(domain);
    options.balancers = settings.network.proxy_protocol;
    options.allow = chosen.allow;
    options.deny = chosen.deny;
    for (const auto& target : chosen.targets) {
        const auto equals = target.find('=');
        options.targets[target.substr(0, equals)] = target.substr(equals + 1);
    }
    options.idle = std::chrono::duration_cast<std::chrono::seconds>(chosen.idle_timeout);
    options.dialback_secret = Secret{"dialback " + secret.reveal()};
    return options;
}

components::Options component_options(const config::Settings& settings) {
    components::Options options;
    for (const auto& component : settings.components) {
        options.components.push_back({component.domain, component.name, Secret{component.secret}});
    }
    options.replace = settings.components_listener.conflict == "replace";
    options.stanza_octets = settings.components_listener.stanza_size;
    options.queued_octets = settings.components_listener.queue;
    options.queued_stanzas = settings.components_listener.queue_stanzas;
    options.octets_per_second = static_cast<double>(settings.components_listener.octets_per_second);
    options.stanzas_per_second = settings.components_listener.stanzas_per_second;
    options.away = settings.components_listener.away;
    return options;
}

}  // namespace

Daemon::Daemon(config::Settings settings)
    : settings_{std::move(settings)},
      tls_{{.alpn = {"xmpp-client"},
            .allow_tls12 = settings_.tls.min_version != "1.3",
            .client_authorities = settings_.tls.client_authorities}},
      web_tls_{{.alpn = {"http/1.1"}, .allow_tls12 = settings_.tls.min_version != "1.3"}},
      server_tls_{{.alpn = {"xmpp-server"}, .ask_peer = true, .authorities = settings_.federation.authorities}} {}

Daemon::~Daemon() { stop(); }

Result Daemon::load_certificates() {
    const auto files = certificate_files(settings_);
    if (!files) return std::unexpected{files.error()};
    if (auto loaded = server_tls_.load(*files); !loaded) return loaded;
    if (auto loaded = web_tls_.load(*files); !loaded) return loaded;
    if (auto loaded = tls_.load(*files); !loaded) return loaded;
    if (!relays::serves_turn(settings_)) return {};
    auto written = list_certificates(relays::turn_certificates_file(settings_), *files);
    if (written && relay_workers_) relay_workers_->hang_up();
    return written;
}

Result Daemon::start() {
    log::set_level_by_name(settings_.log.level);
    if (auto made = make_data_folder(settings_.data.dir); !made) return made;
    if (auto locked = lock_.take(settings_.data.dir); !locked) return locked;
    if (auto loaded = load_certificates(); !loaded) return loaded;
    auto secret = server_secret(settings_.data.dir);
    if (!secret) return std::unexpected{secret.error()};
    try {
        storage_ = storage::open_database(settings_.database_file(),
                                          {.connections = settings_.storage.threads, .queue = settings_.storage.queue});
    } catch (const std::exception& error) {
        return std::unexpected{std::string{error.what()}};
    }
    if (auto open = open_uploads(*secret); !open) return open;
    open_bytestreams();
    Secret turn;
    if (const auto file = relays::turn_secret_file(settings_); !file.empty()) {
        auto made = turn_secret(file);
        if (!made) return std::unexpected{made.error()};
        turn = std::move(*made);
    }
    relay_workers_ =
        std::make_unique<relays::Supervisor>(io_, relays::command_lines(settings_, relays::worker_program()));
    relay_workers_->start();
    host_ = std::make_unique<host::Host>(host_config(settings_), *storage_);
    if (federates(settings_)) {
        federation_ =
            std::make_unique<federation::Federation>(*host_, federation_options(settings_, *secret), server_tls_);
        host_->set_foreign(*federation_);
        host_->provide<runtime::Foreign>(*federation_);
    }
    streams_ = std::make_unique<stream::StreamServer>(*host_, stream_options(settings_, std::move(*secret)), tls_,
                                                      connection_limits(settings_));
    if (auto open = open_calls(); !open) return open;
    external_services_ = external_services(settings_, std::move(turn));
    host_->provide(external_services_);
    const auto& base = settings_.network.web_address;
    invite_facts_.web = {settings_.network.https_port, base.empty() ? settings_.web.public_url : base};
    invite_facts_.registration = [this](const std::string& host) { return registration_possible(host); };
    host_->provide(invite_facts_.web);
    host_->provide(*uploads_);
    voicemail_ = std::make_unique<calls::VoicemailSpool>(
        std::filesystem::absolute(std::filesystem::path{settings_.data.dir} / "voicemail"));
    host_->provide(*voicemail_);
    host_->provide(*bytestreams_);
    running_ = true;
    if (auto started = host_->start(all_modules()); !started) return started;
    call_ledger_->close_legacy();
    if (auto open = open_components(); !open) return open;
    if (auto open = open_listeners(); !open) return open;
    return open_admin();
}

Result Daemon::open_calls() {
    auto ledger = calls::CallLedger::open(std::filesystem::path{settings_.data.dir} / "calls", host_->shard_count(),
                                          SystemClock::instance().wall());
    if (!ledger) return std::unexpected{ledger.error()};
    call_ledger_ = std::move(*ledger);
    auto shared = std::make_shared<calls::WorkerRelayShared>();
    shared->spoken_for = call_ledger_->sessions();
    shared->tls = relays::tls_files(settings_);
    switchboard_ = std::make_unique<calls::Switchboard>(
        host_->shard_count(), [&shards = host_->environment().shards, sockets = relays::control_sockets(settings_),
                               shared](std::size_t shard) {
            return std::make_unique<calls::WorkerRelay>(shards[shard]->io(), sockets, shard, shards.size(), shared);
        });
    if (!settings_.hep.server.empty()) {
        try {
            hep_ = std::make_shared<calls::hep::HepExporter>(calls::hep::Settings{
                .server = settings_.hep.server, .agent = settings_.hep.agent, .key = Secret{settings_.hep.key}});
            switchboard_->export_to(hep_);
        } catch (const std::exception& error) {
            return std::unexpected{std::string{error.what()}};
        }
    }
    const auto data = std::filesystem::absolute(settings_.data.dir);
    switchboard_->books().captures = data / "captures";
    switchboard_->books().recordings = data / "recordings";
    host_->provide(*switchboard_);
    host_->provide(*call_ledger_);
    return {};
}

Result Daemon::open_uploads(const Secret& secret) {
    try {
        uploads_ = std::make_unique<files::Uploads>(storage::uploads_of(*storage_),
                                                    std::filesystem::path{settings_.data.dir} / "uploads",
                                                    Secret{"uploads " + secret.reveal()}, thumbnailer());
    } catch (const std::exception& error) {
        return std::unexpected{std::string{error.what()}};
    }
    uploads_->start(io_, kSweep);
    return {};
}

/// A port that is taken is no reason to serve no one: the service is not there then, and the log says why.
void Daemon::open_bytestreams() {
    const auto& chosen = settings_.bytestreams;
    bytestreams::ProxyLimits limits;
    limits.connections = chosen.connections;
    limits.connections_per_address = chosen.connections_per_address;
    limits.rate = static_cast<double>(chosen.rate);
    limits.idle = chosen.idle_timeout;
    bytestreams_ = std::make_unique<bytestreams::Proxy>(io_, limits);
    for (const auto& address : settings_.network.bind) {
        if (chosen.port == 0) continue;
        if (auto open = bytestreams_->listen(address, chosen.port); !open)
            log::warning("the bytestreams proxy does not listen", {{"why", open.error()}});
    }
}

Result Daemon::open_components() {
    if (settings_.components.empty()) return {};
    components_ = std::make_unique<components::Components>(*host_, component_options(settings_));
    if (auto started = components_->start(); !started) return started;
    const auto& listener = settings_.components_listener;
    for (const auto& address : listener.bind) {
        if (listener.port == 0) continue;
        if (auto open = components_->listen(address, listener.port); !open) return open;
    }
    return {};
}

Result Daemon::open_admin() {
    command_context_ = std::make_unique<CommandContext>(*host_, *storage_, blocking_,
                                                        [this](boost::json::object& status) { add_status(status); });
    add_user_commands(commands_, *command_context_);
    add_invite_commands(commands_, *command_context_, invite_facts_);
    add_session_commands(commands_, *command_context_);
    add_module_commands(commands_, *command_context_);
    add_status_command(commands_, *command_context_);
    add_certificate_command();
    relays::add_relay_commands(commands_, io_, {relays::control_sockets(settings_), relays::tls_files(settings_)});
    call_desk_ = std::make_unique<calls::CallDesk>(*switchboard_, host_->environment());
    calls::add_call_commands(commands_, *call_desk_, *storage_, blocking_);
    auto server = admin::Server::open(io_, settings_.admin_socket(), commands_);
    if (!server) return std::unexpected{server.error()};
    admin_ = std::move(*server);
    return {};
}

void Daemon::add_certificate_command() {
    commands_.add("tls.reload", "Read the certificates again; connections go on with what they have.",
                  [this](const boost::json::object&) -> boost::asio::awaitable<admin::Reply> {
                      const auto loaded = load_certificates();
                      if (!loaded) co_return std::unexpected{admin::Error{"failed", loaded.error()}};
                      log::info("certificates read again");
                      boost::json::array domains;
                      for (const auto& host : settings_.hosts) domains.push_back(boost::json::value(host.domain));
                      co_return boost::json::object{{"domains", std::move(domains)}};
                  });
}

Result Daemon::open_listeners() {
    for (const auto& address : settings_.network.bind) {
        for (const auto& [port, direct_tls] :
             {std::pair{settings_.network.c2s_port, false}, std::pair{settings_.network.c2s_tls_port, true}}) {
            if (port == 0) continue;
            if (auto open = streams_->listen(address, port, direct_tls); !open) return open;
        }
        for (const auto& [port, direct_tls] :
             {std::pair{settings_.federation.port, false}, std::pair{settings_.federation.tls_port, true}}) {
            if (port == 0 || !federation_) continue;
            if (auto open = federation_->listen(address, port, direct_tls); !open) return open;
        }
    }
    web_ = std::make_unique<Web>(io_, *host_, *streams_, settings_);
    if (hep_) {
        web_->metrics().add_source(
            [hep = hep_](const metrics::Registry::Sink& sink) { calls::hep::write_counters(hep->counters(), sink); });
    }
    web_->metrics().add_source([books = switchboard_->share_books()](const metrics::Registry::Sink& sink) {
        calls::write_counters(*books, sink);
    });
    const relays::Workers workers{relays::control_sockets(settings_), relays::tls_files(settings_)};
    worker_metrics_ = std::make_unique<relays::WorkerMetrics>(io_, workers, web_->metrics());
    uploads_->add_to(web_->routes());
    add_invite_page(web_->routes(), *storage_, SystemClock::instance());
    if (!settings_.admin.api_token_file.empty()) {
        auto token = read_api_token(settings_.admin.api_token_file);
        if (!token) return std::unexpected{token.error()};
        add_recordings_api(web_->routes(), commands_, std::move(*token), switchboard_->books().recordings, blocking_);
    }
    return web_->listen(settings_.network, web_tls_);
}

/// Read from the configuration: this is asked on the daemon's thread, modules live on theirs.
bool Daemon::registration_possible(const std::string& domain) const {
    for (const auto& host : settings_.hosts) {
        if (host.domain != domain) continue;
        const auto off = std::ranges::find(host.modules_disabled, "registration") != host.modules_disabled.end();
        const auto table = host.modules.find("registration");
        if (off || table == host.modules.end()) return false;
        return table->second["mode"].value_or(std::string{"closed"}) != "closed";
    }
    return false;
}

void Daemon::add_status(boost::json::object& status) {
    status["calls"] = call_desk_->running().size();
    status["relay_workers"] = relays::control_sockets(settings_).size();
    boost::json::array listeners;
    const auto& network = settings_.network;
    for (const auto& address : network.bind) {
        for (const auto& [name, port] :
             {std::pair{"c2s", network.c2s_port}, std::pair{"c2s_tls", network.c2s_tls_port},
              std::pair{"http", network.http_port}, std::pair{"https", network.https_port}}) {
            if (port != 0) listeners.push_back({{"name", name}, {"address", address}, {"port", port}});
        }
    }
    status["listeners"] = std::move(listeners);
}

std::string Daemon::welcome() const {
    const auto& host = settings_.hosts.front();
    const auto& network = settings_.network;
    std::string text = "Carillon serves " + host.domain;
    for (std::size_t i = 1; i < settings_.hosts.size(); ++i) text += ", " + settings_.hosts[i].domain;
    text += "\n";
    for (const auto& address : network.bind) {
        text += "\n  XMPP clients   " + address + " port " + std::to_string(network.c2s_port) + " (STARTTLS), " +
                std::to_string(network.c2s_tls_port) + " (TLS)";
    }
    text += "\n  Status         http://" +
            (network.bind.front().contains(':') ? '[' + network.bind.front() + ']' : network.bind.front()) + ':' +
            std::to_string(network.http_port) + "/";
    text += "\n  Data folder    " + settings_.data.dir;
    text += "\n  Add a user     carillonctl --data " + settings_.data.dir + " user add alice@" + host.domain + "\n";
    if (host.certificate.empty()) {
        text +=
            "\n  The certificate is self-signed: clients ask whether to trust it. See [[host]] in the configuration.\n";
    }
    return text;
}

Result Daemon::reload(config::Settings settings) {
    log::set_level_by_name(settings.log.level);
    Result result;
    const auto note = [&](Result step) {
        if (step) return;
        log::error("reload", {{"why", step.error()}});
        result = std::move(step);
    };
    settings_.log = settings.log;
    for (const auto& next : settings.hosts) {
        if (!host_->serves(next.domain)) note(std::unexpected{"host " + next.domain + " is new: it needs a restart"});
    }
    for (auto& host : settings_.hosts) {
        for (const auto& next : settings.hosts) {
            if (next.domain != host.domain) continue;
            host = next;
            note(host_->repository().apply(host.domain, selection_of(host)));
        }
    }
    note(load_certificates());
    log::info("reloaded", {{"complete", result.has_value()}});
    return result;
}

void Daemon::stop() {
    if (!std::exchange(running_, false)) return;
    admin_.reset();
    uploads_->stop();
    bytestreams_->stop();
    worker_metrics_.reset();
    web_.reset();
    blocking_.join();
    if (call_desk_) call_desk_->end_all();
    streams_->shutdown("system-shutdown", kPatience);
    if (components_) components_->stop();
    if (federation_) federation_->stop();
    host_->stop();
    switchboard_.reset();  // the calls, before the loops that they run on
    call_ledger_.reset();
    streams_.reset();
    federation_.reset();
    components_.reset();
    storage_.reset();  // waits for writes in hand
    uploads_.reset();
    host_.reset();
    relay_workers_.reset();
}

}  // namespace carillon::daemon
