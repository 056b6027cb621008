/// Learns where an ICE endpoint is: only from STUN checks that its session's credentials prove.
/// Spec: RFC 8445 §7.2.2 (USERNAME and password of a check), §7.3 (USE-CANDIDATE); RFC 8838 (checks may come early).
///
/// An endpoint may check from several addresses (Wi-Fi and cellular): each proven one is kept, so that answers go back
/// to where their request came from; media goes to the one in use. A phone that changes network proves its new address
/// with its next check, and takes its media there.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/base/clock.h"
#include "relay/learning/drop.h"
#include "relay/learning/path.h"
#include "stun/message.h"

namespace carillon::relay {

struct IceCredentials {
    std::string ufrag;
    std::string pwd;
    friend bool operator==(const IceCredentials&, const IceCredentials&) = default;
};

/// Of one component of one leg. Threading: its shard. Allocates nothing on the packet path.
class IceLearner {
  public:
    static constexpr std::size_t kMaxProven = 4;
    /// How long the address in use may be silent before another proven one takes its place without USE-CANDIDATE.
    static constexpr std::chrono::milliseconds kStale{1000};
    /// The same where the other one is a connection: who uses both means UDP, unless it says so.
    static constexpr std::chrono::milliseconds kStaleForTcp{5000};

    /// A connectivity check that arrived from `from`. `own` are this endpoint's credentials, `peer` those of the other:
    /// USERNAME is "peer:own", the key the peer's password. Drop::none: proven, pass it on.
    Drop on_check(const stun::Message& check, const Path& from, const std::vector<IceCredentials>& own,
                  const std::vector<IceCredentials>& peer, SteadyTime now);
    /// Anything else that arrived: whether its source is proven; keeps account of which address is alive.
    bool on_other(const Path& from, SteadyTime now);
    bool proven(const Path& from) const;
    /// We have nominated it, and were answered.
    void nominate(const Path& path, SteadyTime now);
    /// A connection that has ended: media goes to the address that was heard last.
    void forget(const Path& path);
    /// Where media goes; empty before the first proof.
    const Path& in_use() const { return in_use_ < count_ ? proven_[in_use_].path : kNowhere; }

    /// Whether what is proven or in use has changed since this was asked last.
    bool take_changed() { return std::exchange(changed_, false); }
    std::size_t proven_count() const { return count_; }
    const Path& proven_at(std::size_t index) const { return proven_[index].path; }
    std::size_t in_use_index() const { return in_use_; }
    /// Goes on where a predecessor stood: what it had proven is taken as heard `now`.
    void restore(std::span<const Path> proven, std::size_t in_use, SteadyTime now);

    /// Remembers whose request this was, for the answer that will come through the other leg.
    void remember(const stun::TransactionId& id, const Path& from);
    std::optional<Path> source_of(const stun::TransactionId& id) const;

  private:
    struct Proven {
        Path path;
        SteadyTime heard{};
    };
    struct Request {
        stun::TransactionId id{};
        Path from;
    };
    std::size_t find(const Path& path) const;
    void use_if_better(std::size_t index, bool nominated, SteadyTime now);

    static constexpr Path kNowhere{};
    static constexpr std::size_t kMaxRequests = 16;
    std::array<Proven, kMaxProven> proven_{};
    std::size_t count_ = 0;
    std::size_t in_use_ = 0;
    bool nominated_ = false;  // the one in use
    bool changed_ = false;
    std::array<Request, kMaxRequests> requests_{};
    std::size_t next_request_ = 0;
};

}  // namespace carillon::relay
