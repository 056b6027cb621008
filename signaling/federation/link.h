/// The stream from one of our domains to a foreign one, and what waits for it.
/// Spec: RFC 6120 §4.5 (directionality), §10.4; XEP-0220 §2.1 (initiating server), XEP-0178 (EXTERNAL), XEP-0198
/// (acks), XEP-0288 (both directions on one stream).
/// Not here: opening the stream (outgoing.h), incoming streams (incoming.h), what is sent and not acknowledged
/// (outbox.h).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "signaling/federation/intake.h"
#include "signaling/federation/outbox.h"
#include "signaling/federation/outgoing.h"
#include "signaling/host/host.h"

namespace carillon::federation {

/// Threading: its shard.  Owns: the connection. Lives as long as its coroutines do.
class Link : public std::enable_shared_from_this<Link> {
  public:
    /// A stream that the other server has opened and that goes both ways; nullptr: there is none.
    using TheirWay = std::function<std::shared_ptr<Way>()>;

    Link(host::Host& host, host::Stages& stages, Surroundings around, std::string local, std::string remote,
         TheirWay theirs);

    /// Takes a stanza, or bounces it when too much waits.
    void send(xmpp::Stanza stanza);
    /// Whether it is over: a new stanza needs a new link.
    bool ended() const { return ended_; }
    /// After a failure, what stanzas bounce with until the back-off is over; nothing while it works.
    const std::optional<Failure>& failure() const { return failure_; }
    SteadyTime ended_at() const { return ended_at_; }
    bool open() const { return open_; }
    bool secure() const { return way_ && way_->secure(); }
    bool verified() const { return way_ && way_->verified(); }
    bool acknowledged() const { return counted_; }
    bool both_ways() const { return both_ways_; }
    std::size_t waiting() const { return outbox_.waiting() + outbox_.sent(); }
    const std::string& local() const { return local_; }
    const std::string& remote() const { return remote_; }
    /// Of a stream of theirs: it is over, or says what it has handled.
    void lost(const Way* way);
    void handled(const Way* way, std::uint32_t count);
    /// Ends it: what waits bounces.
    void stop();

  private:
    // Life (link.cpp).
    awaitable<void> run();
    awaitable<bool> carry();
    awaitable<void> nap(std::chrono::milliseconds time);
    bool overdue();
    void end(std::optional<Failure> failure);
    void bounce(const xmpp::Stanza& stanza, const Failure& failure);
    SteadyTime now() const { return stages_.environment.clock->now(); }

    // A stream of our own (link_stream.cpp).
    awaitable<std::optional<Failure>> open_own();
    awaitable<std::optional<Failure>> open_and_prove();
    awaitable<std::optional<Failure>> prove(PeerStream& stream, Opened& opened);
    awaitable<bool> authenticate_externally(PeerStream& stream, Opened& opened);
    awaitable<void> count_stanzas(std::shared_ptr<PeerStream> stream);
    awaitable<void> read(std::shared_ptr<PeerStream> stream);
    awaitable<bool> take(PeerStream& stream, xml::Element element);
    awaitable<bool> take_stanza(PeerStream& stream, xml::Element element);

    host::Stages& stages_;
    Surroundings around_;
    const DomainPolicy& policy_;
    std::string local_;
    std::string remote_;
    TheirWay theirs_;
    Intake intake_;
    Outbox outbox_;
    std::shared_ptr<Way> way_;
    std::shared_ptr<PeerStream> stream_;  // our own
    std::shared_ptr<Meter> meter_;        // of what comes on our own stream
    boost::asio::steady_timer wake_;
    boost::asio::steady_timer opening_;
    bool try_dialback_alone_ = false;  // the certificate was refused
    std::optional<Failure> failure_;
    std::optional<SteadyTime> acks_due_;
    SteadyTime last_use_{};
    SteadyTime ended_at_{};
    std::uint32_t received_ = 0;  // since the other server's <enabled/>
    bool started_ = false;
    bool open_ = false;
    bool counted_ = false;  // both sides acknowledge
    bool asked_ = false;    // for that, and there is no answer yet
    bool both_ways_ = false;
    bool offers_acks_ = false;
    bool ended_ = false;
};

}  // namespace carillon::federation
