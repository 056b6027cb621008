/// The TURN server as a state machine: a client's message in, the answer out, sockets behind an interface.
/// Spec: RFC 8656 §7 to §12, RFC 6062 §5, RFC 6156, RFC 8016 §3.
/// Not here: sockets, framing and batches (relay/turn), Binding requests (binding_server.h, nat_discovery.h).
#pragma once
#include <functional>
#include <unordered_map>

#include "stun/turn/answer_budget.h"
#include "stun/turn/channel_data.h"
#include "stun/turn/host.h"
#include "stun/turn/peer_policy.h"

namespace carillon::stun::turn {

struct ServerSettings {
    std::chrono::seconds default_lifetime{600};  ///< §3.2
    std::chrono::seconds max_lifetime{3600};
    bool tcp_relay = true;
    bool mobility = true;
    std::size_t max_allocations = 100'000;  ///< of this server
    std::uint8_t place = 0;                 ///< among the servers of this process: the first octet of tickets
};

/// Threading: its shard.  Owns: the allocations.
class Server {
  public:
    struct Time {
        SteadyTime steady{};
        std::chrono::seconds wall{};  ///< since 1970: nonces and time-limited user names
    };
    static constexpr std::size_t kMaxAnswer = 1024;

    Server(ServerSettings settings, const Credentials& credentials, const Nonces& nonces, const PeerPolicy& policy,
           Users& users, Host& host);

    /// The answer to a request, written into `out` (kMaxAnswer octets); empty when none is due.
    Bytes on_message(const FiveTuple& tuple, Bytes message, Time now, std::span<std::byte> out);
    /// Data of a channel that may pass: the allocation and where to; nullptr otherwise.
    Channel* channel_for(Allocation& allocation, std::uint16_t number, SteadyTime now);
    Allocation* find(const FiveTuple& tuple);

    /// The fixed head of a Data indication for `size` octets of data, which follow it and their padding (§11.3, §18.4).
    static Bytes data_indication(const TransportAddress& peer, std::size_t size, std::span<std::byte> out);
    /// §11.6: tells a client of an ICMP error for what it sent to a peer.
    static Bytes icmp_indication(const TransportAddress& peer, std::uint8_t type, std::uint8_t code, std::uint32_t data,
                                 std::span<std::byte> out);
    /// RFC 6062 §5.3, §5.4.
    Bytes connected(const Allocation& allocation, const Host::PendingConnect& pending,
                    std::expected<std::uint32_t, Refusal> outcome, std::span<std::byte> out);
    static Bytes connection_attempt(const TransportAddress& peer, std::uint32_t connection, std::span<std::byte> out);

    /// The client's stream is gone, and with it what it had (§6); a mobile one has a while to come back.
    void end(const FiveTuple& tuple, SteadyTime now);
    static constexpr std::chrono::seconds kAway{60};

    /// RFC 8016 among several servers of one process. Which of them has what a Refresh names by its ticket, if not
    /// this one:
    std::optional<std::uint8_t> elsewhere(const FiveTuple& tuple, const Message& message) const;
    /// What such a Refresh, if it proves to be its owner's, takes along; and takes in.
    std::unique_ptr<Allocation> take_out(const FiveTuple& client, Bytes refresh, Time now);
    void take_in(std::unique_ptr<Allocation> allocation);
    /// One of a server that was here before, with user and relay. False: there is one with its five-tuple, or its
    /// client came over a connection and has no ticket to come back with.
    bool restore(std::unique_ptr<Allocation> allocation);
    /// Ends what has expired; cheap to call often.
    void tick(SteadyTime now);
    std::size_t size() const { return allocations_.size() + away_.size(); }
    void drain(bool on) { draining_ = on; }
    const PeerPolicy& policy() const { return policy_; }

    // Counters, by what happened.
    std::uint64_t refused = 0, unauthorized = 0, unanswered = 0;

  private:
    /// One request on its way through.
    struct Request {
        const FiveTuple& tuple;
        const Message& message;
        Time now;
        std::span<std::byte> out;
        Allocation* allocation = nullptr;
        Proof proof;
    };
    using Answer = std::expected<Bytes, Refusal>;

    Bytes answer(Request& request);
    Answer handle(Request& request);
    const Allocation* named_by_ticket(const Message& message) const;
    Answer allocate(Request& request);
    Answer allocate_new(Request& request, const RelayRequest& wanted);
    Answer refresh(Request& request);
    Answer move_here(Request& request, std::string_view ticket);
    Answer create_permission(Request& request);
    Answer channel_bind(Request& request);
    Answer connect(Request& request);
    Answer connection_bind(Request& request);
    void send_indication(const FiveTuple& tuple, const Message& message, Time now);

    std::expected<RelayRequest, Refusal> wanted_relay(const Request& request) const;
    std::chrono::seconds lifetime(const Request& request) const;
    std::expected<TransportAddress, Refusal> peer_of(const Request& request) const;
    std::optional<Refusal> fault_in(const Allocation& allocation, const TransportAddress& peer) const;
    Builder success(const Request& request) const;
    Bytes allocated(const Request& request, const Allocation& allocation) const;
    Bytes finish(const Request& request, Builder& reply) const;
    Bytes refuse(Request& request, const Refusal& refusal, std::span<const std::uint16_t> unknown = {});
    void erase(Allocation& allocation);
    std::unique_ptr<Allocation> extract(Allocation& allocation);
    bool restore_away(std::unique_ptr<Allocation> made);
    std::string new_ticket() const;

    ServerSettings settings_;
    const Credentials& credentials_;
    const Nonces& nonces_;
    const PeerPolicy& policy_;
    Users& users_;
    Host& host_;
    AnswerBudget budget_;
    bool draining_ = false;
    std::unordered_map<FiveTuple, std::unique_ptr<Allocation>, FiveTupleHash> allocations_;
    std::unordered_map<std::string, Allocation*> tickets_;
    std::unordered_map<std::string, std::unique_ptr<Allocation>> away_;  ///< by ticket: without a client for now
};

}  // namespace carillon::stun::turn
