/// The stream and parse stages of a shard: its connections, their clock, and what they count.
/// Not here: listening and spreading connections over shards (stream_server.h).
#pragma once
#include <functional>
#include <memory>
#include <unordered_set>

#include <boost/asio/steady_timer.hpp>

#include "signaling/host/host.h"
#include "signaling/net/tls_context.h"
#include "signaling/stream/auth_server.h"
#include "signaling/stream/hibernation.h"
#include "signaling/stream/recovery.h"
#include "signaling/stream/stream_options.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::stream {

class Connection;

/// Makes parsers with the limits that fit and counts what comes out of them. Threading: its shard.
class ParseServer final : public runtime::Server {
  public:
    explicit ParseServer(const StreamOptions& options)
        : Server{"parse"},
          stanzas{counter("stanzas")},
          octets{counter("octets")},
          faults{counter("faults")},
          options_{options} {}

    xml::ParserLimits before_login() const { return limits(options_.unauthenticated_stanza_bytes); }
    xml::ParserLimits after_login() const { return limits(options_.stanza_bytes); }

    runtime::Counter& stanzas;
    runtime::Counter& octets;
    runtime::Counter& faults;

  private:
    xml::ParserLimits limits(std::size_t stanza_bytes) const {
        xml::ParserLimits made;
        made.stanza_bytes = stanza_bytes;
        made.depth = options_.xml_depth;
        made.attributes = options_.xml_attributes;
        return made;
    }
    const StreamOptions& options_;
};

/// Threading: its shard.  Owns: nothing of the connections, which own themselves; it knows them while they live.
class StreamStage final : public runtime::Server {
  public:
    StreamStage(host::Host& host, std::size_t shard, const StreamOptions& options, net::TlsContext& tls,
                boost::asio::thread_pool& blocking, auth::LoginThrottle& throttle,
                std::function<StreamStage&(std::size_t)> of_shard);

    void start();  ///< begins the clock
    void add(Connection& connection) { connections_.insert(&connection), open.add(); }
    void remove(Connection& connection) { connections_.erase(&connection), open.subtract(); }
    void close_all(std::string_view condition, std::string_view text);

    // Sessions without a connection, which wait to be resumed.
    Hibernation& hibernate(Surrendered held, Hibernation::Origin origin);
    bool asleep(const Hibernation& hibernation) const { return hibernations_.contains(&hibernation); }
    void forget(const Hibernation& hibernation);

    host::Host& host;
    host::Stages& stages;
    runtime::Shard& shard;
    const StreamOptions& options;
    net::TlsContext& tls;
    AuthServer auth;
    ParseServer parse;
    StreamStage& of_shard(std::size_t index) { return of_shard_(index); }

    runtime::Counter& open;
    runtime::Counter& accepted;
    runtime::Counter& stream_errors;
    runtime::Counter& tls_failures;
    runtime::Counter& timeouts;
    runtime::Counter& lost;
    runtime::Counter& too_slow;
    runtime::Counter& keepalives;
    runtime::Counter& throttled;  ///< times that a client was too fast and had to wait
    runtime::Counter& hibernating;
    runtime::Counter& resumed;
    runtime::Counter& not_resumed;  ///< the client did not come back in time
    runtime::Counter& overfull;     ///< unacknowledged stanzas past the limit
    runtime::Counter& ack_timeouts;

    Resumables resumables;
    Recovery recovery;
    /// `custody`, or where there is none and `wanted` says so, a new one of this shard's journal.
    xmpp::CustodyPtr custody_of(const xmpp::CustodyPtr& custody, bool wanted, std::string_view text) const {
        auto* journal = custody || !wanted ? nullptr : stages.environment.journal(shard.index());
        return journal ? journal->accept(text, stages.environment.clock->wall()) : custody;
    }
    /// The user is here, or does not come back: what an earlier process left for them is delivered.
    void recover(const xmpp::Jid& user);
    bool ending = false;  ///< the process goes: what is written down stays for its successor

  private:
    void tick();

    std::function<StreamStage&(std::size_t)> of_shard_;
    std::unordered_set<Connection*> connections_;
    std::unordered_map<const Hibernation*, std::unique_ptr<Hibernation>> hibernations_;
    boost::asio::steady_timer clock_;
};

}  // namespace carillon::stream
