/// A stream from one of our domains to a foreign one, and what waits for it.
/// Spec: RFC 6120 §4.5 (directionality), §10.4; XEP-0220 §2.1 (initiating server), XEP-0178 (EXTERNAL).
/// Not here: opening the stream (outgoing.h), incoming streams (incoming.h).
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "signaling/federation/outgoing.h"
#include "signaling/host/host.h"

namespace carillon::federation {

struct LinkCounters;

/// Threading: its shard.  Owns: the connection. Lives as long as its coroutines do.
class Link : public std::enable_shared_from_this<Link> {
  public:
    Link(host::Stages& stages, Surroundings around, std::string local, std::string remote);

    /// Takes a stanza, or bounces it when too much waits.
    void send(xmpp::Stanza stanza);
    /// Whether it is over: a new stanza needs a new link.
    bool ended() const { return ended_; }
    /// After a failure, what stanzas bounce with until the back-off is over; nothing while it works.
    const std::optional<Failure>& failure() const { return failure_; }
    SteadyTime ended_at() const { return ended_at_; }
    bool open() const { return open_; }
    bool secure() const { return secure_; }
    bool verified() const { return verified_; }
    std::size_t waiting() const { return queue_.size(); }
    const std::string& local() const { return local_; }
    const std::string& remote() const { return remote_; }
    /// Ends it: what waits bounces.
    void stop();

  private:
    awaitable<void> run();
    awaitable<std::optional<Failure>> open_and_prove();
    awaitable<std::optional<Failure>> prove(PeerStream& stream, const Opened& opened);
    awaitable<bool> authenticate_externally(PeerStream& stream);
    awaitable<bool> carry(std::shared_ptr<PeerStream> stream);
    awaitable<void> read(std::shared_ptr<PeerStream> stream);
    void end(std::optional<Failure> failure);
    void bounce(const xmpp::Stanza& stanza, const Failure& failure);

    host::Stages& stages_;
    Surroundings around_;
    std::string local_;
    std::string remote_;
    std::shared_ptr<PeerStream> stream_;
    std::deque<xmpp::Stanza> queue_;
    std::size_t octets_ = 0;
    boost::asio::steady_timer wake_;
    boost::asio::steady_timer opening_;
    bool try_dialback_alone_ = false;  // the certificate was refused
    std::optional<Failure> failure_;
    SteadyTime ended_at_{};
    bool started_ = false;
    bool open_ = false;
    bool secure_ = false;
    bool verified_ = false;
    bool ended_ = false;
};

}  // namespace carillon::federation
