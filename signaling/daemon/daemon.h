/// carillond put together from its settings: storage, certificates, host, streams, relays, operator's commands.
/// Not here: the command line (main.cpp), any business of its own.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "config/settings.h"
#include "signaling/admin/server.h"
#include "signaling/bytestreams/proxy.h"
#include "signaling/calls/desk.h"
#include "signaling/calls/hep/hep_exporter.h"
#include "signaling/calls/ledger.h"
#include "signaling/calls/switchboard.h"
#include "signaling/calls/voicemail/spool.h"
#include "signaling/components/components.h"
#include "signaling/daemon/data_folder.h"
#include "signaling/daemon/invite_commands.h"
#include "signaling/daemon/web.h"
#include "signaling/federation/federation.h"
#include "signaling/files/uploads.h"
#include "signaling/host/host.h"
#include "signaling/net/tls_context.h"
#include "signaling/relays/supervisor.h"
#include "signaling/relays/worker_metrics.h"
#include "signaling/runtime/external_service.h"
#include "signaling/storage/storage.h"
#include "signaling/stream/stream_server.h"

namespace carillon::daemon {

using Result = std::expected<void, std::string>;  ///< the error is for people

/// Threading: the main thread, which runs io().
/// Owns: everything of the process.
class Daemon {
  public:
    explicit Daemon(config::Settings settings);
    ~Daemon();

    Result start();
    /// What a person who started it wants to know.
    std::string welcome() const;
    /// Takes over what may change while running: certificates, log level, modules of each host. The rest is told to
    /// need a restart.
    Result reload(config::Settings settings);
    /// Streams get system-shutdown, then modules and storage end. A second call does nothing.
    void stop();

    boost::asio::io_context& io() { return io_; }

  private:
    Result load_certificates();
    void add_certificate_command();
    Result open_calls();
    Result open_listeners();
    Result open_components();
    Result open_admin();
    Result open_uploads(const Secret& secret);
    void open_bytestreams();
    void add_status(boost::json::object& status);
    bool registration_possible(const std::string& domain) const;

    config::Settings settings_;
    DataFolderLock lock_;  ///< another process must not take over what this one still has
    boost::asio::io_context io_;
    std::unique_ptr<files::Uploads> uploads_;  ///< outlives what the storage has in hand
    std::unique_ptr<storage::Storage> storage_;
    std::unique_ptr<relays::Supervisor> relay_workers_;
    std::unique_ptr<bytestreams::Proxy> bytestreams_;
    net::TlsContext tls_;
    net::TlsContext web_tls_;
    net::TlsContext server_tls_;  ///< towards other servers: certificates are asked for
    std::unique_ptr<host::Host> host_;
    std::unique_ptr<federation::Federation> federation_;
    std::unique_ptr<components::Components> components_;
    std::unique_ptr<calls::CallLedger> call_ledger_;
    std::unique_ptr<calls::VoicemailSpool> voicemail_;
    std::unique_ptr<calls::Switchboard> switchboard_;
    std::shared_ptr<calls::hep::HepExporter> hep_;  // null: off
    std::unique_ptr<stream::StreamServer> streams_;
    boost::asio::thread_pool blocking_{1};  ///< operator's commands that wait on shards
    admin::Registry commands_;
    std::unique_ptr<CommandContext> command_context_;
    std::unique_ptr<calls::CallDesk> call_desk_;
    std::unique_ptr<admin::Server> admin_;
    std::unique_ptr<Web> web_;
    std::unique_ptr<relays::WorkerMetrics> worker_metrics_;  // written into those of web_
    InviteFacts invite_facts_;
    runtime::ExternalServiceList external_services_;
    bool running_ = false;
};

}  // namespace carillon::daemon
