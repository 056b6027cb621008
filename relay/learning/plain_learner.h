/// Learns where a plain RTP endpoint is: as signalled; else heuristically, once; then strictly.
/// Nothing authenticates plain RTP, so the window for a stranger is kept small: it closes at the first packet from the
/// signalled address, and before that opens only to a source that sends a run of one RTP stream.
/// Spec: the symmetric RTP of RFC 4961; docs/relay.md has the reasoning.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "config/base/bytes.h"
#include "relay/learning/drop.h"
#include "relay/learning/path.h"

namespace carillon::relay {

/// Of one component of one leg. Threading: its shard. Allocates nothing on the packet path.
class PlainLearner {
  public:
    /// `probation`: packets of one stream in order that a source nobody signalled must send (1: the first is enough).
    explicit PlainLearner(unsigned probation) : probation_{probation} {}

    /// Sets where signaling says the endpoint is. A new address (moved, put on hold and resumed) reopens learning.
    void signalled(const Path& path);
    /// A datagram that looks like RTP or RTCP from `from`. Drop::none: it is the endpoint's.
    Drop on_media(Bytes datagram, const Path& from);
    /// Where media goes: as learned, else as signalled.
    const Path& target() const { return learned_.empty() ? signalled_ : learned_; }
    const Path& learned() const { return learned_; }
    /// Whether learned() has changed since this was asked last.
    bool take_changed() { return std::exchange(changed_, false); }
    /// Goes on where a predecessor stood, after what was signalled has been said.
    void restore(const Path& learned) {
        learned_ = learned;
        changed_ = true;
    }

  private:
    unsigned probation_;
    Path signalled_;
    Path learned_;
    Path candidate_;
    std::uint32_t candidate_ssrc_ = 0;
    std::uint16_t candidate_sequence_ = 0;
    unsigned candidate_run_ = 0;
    bool changed_ = false;
};

}  // namespace carillon::relay
