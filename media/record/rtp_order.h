/// One RTP stream put in order for a file: waits a little for what is late, never for what is lost.
/// Spec: RFC 3550 §5.1 (sequence numbers).
/// Not here: playing in time (media/jitter).
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "media/rtp/packet.h"

namespace carillon::record {

/// Threading: one thread at a time.
class RtpOrder {
  public:
    struct Packet {
        std::chrono::nanoseconds at{};  ///< of its arrival
        rtp::Header header;
        std::vector<std::byte> payload;
    };
    static constexpr std::chrono::milliseconds kPatience{80};
    static constexpr std::size_t kMost = 32;
    static constexpr int kFarOff = 500;  ///< further away the sender has begun anew

    /// What comes twice, or behind what has been taken, is left out.
    void put(Packet packet) {
        if (!started_) next_ = 1 << 20;
        const int away = started_ ? rtp::SequenceNumber::distance({static_cast<std::uint16_t>(next_ + offset_)},
                                                                  packet.header.sequence)
                                  : 0;
        if (!started_ || away > kFarOff || away < -kFarOff) {
            held_.clear();
            started_ = true;
            offset_ = packet.header.sequence.value - next_;
            held_.emplace(next_, std::move(packet));
            return;
        }
        if (away >= 0) held_.emplace(next_ + away, std::move(packet));
    }
    /// `take(packet)` for each that nothing is waited for any more; with `all` for each.
    template <class Take>
    void release(std::chrono::nanoseconds now, bool all, Take take) {
        while (!held_.empty()) {
            const auto first = held_.begin();
            const bool due = first->first == next_ || now - first->second.at > kPatience || held_.size() > kMost;
            if (!due && !all) return;
            next_ = first->first + 1;
            take(first->second);
            held_.erase(first);
        }
    }
    void clear() { held_.clear(), started_ = false; }

  private:
    std::map<std::int64_t, Packet> held_;  // by number without wrapping
    std::int64_t next_ = 0;
    std::int64_t offset_ = 0;  // from such a number to the sequence number, modulo 65536
    bool started_ = false;
};

}  // namespace carillon::record
