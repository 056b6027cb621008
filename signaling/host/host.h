/// The process of signaling: shards, virtual hosts, the Repository, and the stages of every shard put together.
/// Not here: sockets and streams (stream/stream_server.h), reading the configuration (main.cpp).
#pragma once
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "signaling/router/process_server.h"
#include "signaling/router/router.h"
#include "signaling/runtime/environment.h"
#include "signaling/runtime/fan_out.h"
#include "signaling/runtime/message_channel.h"
#include "signaling/runtime/repository.h"
#include "signaling/session/session_server.h"

namespace carillon::host {

struct DomainConfig {
    std::string name;
    runtime::ModuleSelection modules;
};

struct HostConfig {
    std::size_t shards = 0;  ///< 0: as many as the machine has cores
    std::vector<DomainConfig> domains;
    std::vector<std::string> plugins;  ///< shared objects
    session::SessionLimits sessions;
    std::filesystem::path journal;  ///< folder for what is accepted and not settled; empty: none
};

/// Something that the process before this one left behind.
struct Left {
    std::optional<xmpp::Stanza> message;  ///< nothing: a managed stream, of which `sequence` stanzas were handled
    xmpp::Jid user;                       ///< whose stream it is
    std::uint64_t stream = 0;
    std::uint32_t sequence = 0;
    WallTime when;
};

/// The stages that live on one shard.
struct Stages {
    Stages(runtime::Environment& environment_of_all, runtime::Shard& home, const session::SessionLimits& limits)
        : environment{environment_of_all},
          shard{home},
          sessions{environment_of_all, home, limits},
          router{environment_of_all, home, sessions},
          process{router, sessions} {
        sessions.connect(router);
    }
    const runtime::Environment& environment;
    runtime::Shard& shard;
    session::SessionServer sessions;
    router::Router router;
    router::ProcessServer process;
};

/// One line of `carillonctl session list`.
struct SessionInfo {
    std::string jid;
    std::string address;
    bool encrypted = false;
    bool available = false;
    int priority = 0;
};

/// Threading: made, started and stopped by the main thread; other calls from any thread but a shard's.
/// Owns: everything below but the storage and the services.
class Host : private runtime::FanOut {
  public:
    using Result = std::expected<void, std::string>;  ///< the error is for people

    Host(HostConfig config, storage::Storage& storage, const Clock& clock = SystemClock::instance());
    ~Host();

    /// A service that modules find by type; before start().
    template <class T>
    void provide(T& service) {
        environment_.services[typeid(T)] = &service;
    }
    /// The way to other servers; before start().
    void set_foreign(runtime::Foreign& foreign) { environment_.foreign = &foreign; }
    Result start(std::vector<runtime::ModuleDescriptor> builtin);
    /// Streams are to be closed already. Modules end, then the shards.
    void stop();

    /// What waits for clients that may resume; once, after start().
    std::vector<Left> take_left() { return std::exchange(left_, {}); }

    runtime::Repository& repository() { return repository_; }
    const runtime::Environment& environment() const { return environment_; }
    std::size_t shard_count() const { return shards_.size(); }
    Stages& stages(std::size_t shard) { return *stages_[shard]; }
    Stages& owner(const xmpp::Jid& jid) { return *stages_[environment_.owner(jid)]; }
    bool serves(std::string_view domain) const { return environment_.host(0, domain) != nullptr; }

    /// Tells the owner that a user was made or removed in storage.
    void account_changed(const xmpp::Jid& bare, bool removed);
    std::vector<SessionInfo> sessions();
    /// Ends the sessions of a bare JID, or one full JID; answers how many.
    std::size_t kick(const xmpp::Jid& jid);
    /// Ends every stream: RFC 6120 §4.9.3.22 system-shutdown and the like.
    void close_sessions(std::string_view condition);
    runtime::CounterValues counters() const;

  private:
    void send(std::size_t shard, xmpp::Stanza stanza, std::vector<xmpp::Jid> to) override {
        stages_[shard]->router.route_to_each(std::move(stanza), std::move(to));
    }
    /// Runs `work(stages)` on each shard and waits for all.
    template <class F>
    void on_each_shard(F work);

    Result open_journals();
    void take_over();

    HostConfig config_;
    std::vector<Left> left_;
    std::vector<std::filesystem::path> left_files_;
    std::vector<std::unique_ptr<runtime::Shard>> shards_;
    runtime::Environment environment_;
    runtime::LocalChannel channel_;
    std::vector<std::unique_ptr<Stages>> stages_;
    runtime::Repository repository_;
    bool running_ = false;
};

}  // namespace carillon::host
