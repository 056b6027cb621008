/// A stream from another server: who it may speak for, and the stanzas it brings.
/// Spec: RFC 6120 §4.9, §5, §6, §8.1.2.2; XEP-0178 (EXTERNAL), XEP-0220 (receiving and authoritative server), XEP-0198
/// (acks), XEP-0288 (stanzas back on it).
/// Not here: listening (federation.h), streams from here (link.h).
#pragma once
#include <memory>
#include <set>
#include <string>

#include "signaling/federation/intake.h"
#include "signaling/federation/outgoing.h"
#include "signaling/host/host.h"
#include "signaling/net/listener.h"

namespace carillon::federation {

struct Counted {
    runtime::Counter& open;
    runtime::Counter& accepted;
    runtime::Counter& stanzas;
    runtime::Counter& refused;  ///< stanzas and streams that claim what they may not
};

/// Threading: its shard.  Owns: the connection. Lives as long as its coroutine does.
class Incoming : public std::enable_shared_from_this<Incoming> {
  public:
    Incoming(host::Host& host, host::Stages& stages, Surroundings around, Counted counted, net::Accepted accepted,
             bool direct_tls);

    void start();
    void stop();
    const std::string& peer_address() const { return peer_address_; }
    bool ended() const { return ended_; }
    /// Stanzas for the other server, on a stream that goes both ways.
    awaitable<Way::Written> carry(std::string text, std::uint32_t count);

  private:
    awaitable<void> run();
    awaitable<bool> open(const xml::StreamOpen& open);
    awaitable<bool> take(xml::Element element);
    awaitable<bool> start_tls();
    awaitable<bool> authenticate(const xml::Element& auth);
    awaitable<bool> dialback_result(const xml::Element& result);
    awaitable<bool> dialback_verify(const xml::Element& verify);
    awaitable<void> check_key(std::string from, std::string to, std::string id, std::string key);
    awaitable<bool> stanza(xml::Element element);
    awaitable<bool> manage(const xml::Element& element);
    bool admit(std::string_view domain);
    void offer_way(const std::string& local, const std::string& remote);
    void end();
    const DomainPolicy& policy() const { return around_.options.policy(claimed_); }
    awaitable<void> fail(std::string_view condition, std::string_view text = {});
    awaitable<bool> put(std::string text);
    bool proved() const { return !certified_.empty() || !dialed_.empty(); }
    bool may_speak(std::string_view from, std::string_view to) const;
    bool serves(std::string_view domain) const;
    std::string features() const;
    std::chrono::milliseconds patience() const;

    host::Host& host_;
    host::Stages& stages_;
    Surroundings around_;
    Counted counted_;
    net::ConnectionLimiter::Place place_;
    std::string peer_address_;
    PeerStream stream_;
    Intake intake_;
    std::string id_;                                        // of the stream, ours
    std::string claimed_;                                   // 'from' of the opening tag
    std::string local_;                                     // 'to' of the opening tag
    std::set<std::string, std::less<>> certified_;          // domains whose certificate it has
    std::set<std::pair<std::string, std::string>> dialed_;  // from, to
    std::shared_ptr<Meter> meter_;                          // of the first domain proved
    std::shared_ptr<void> among_streams_;                   // of that domain
    std::shared_ptr<Way> way_;                              // back, when it goes both ways
    std::pair<std::string, std::string> way_between_;       // local, remote
    SteadyTime deadline_;
    std::uint32_t received_ = 0;  // since <enabled/>
    unsigned verifying_ = 0;
    unsigned failed_ = 0;
    bool direct_tls_;
    bool opened_ = false;
    bool wants_answers_ = false;  // XEP-0288
    bool ended_ = false;
};

}  // namespace carillon::federation
