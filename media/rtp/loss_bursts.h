/// Whether losses of an RTP stream come one by one or in a row: the burst ratio of the E-model.
/// Spec: ITU-T G.107 §7.5 (BurstR: mean length of bursts seen over that of random loss, 1 / (1 - Ppl)).
/// Not here: how many are lost (reception.h).
#pragma once
#include <algorithm>
#include <cstdint>

#include "media/rtp/packet.h"

namespace carillon::rtp {

/// Threading: one thread. Allocates nothing.
class LossBursts {
  public:
    void on_packet(const Header& header) {
        constexpr int kMaxDropout = 3000, kMaxMisorder = 100;  // as reception.h
        const int ahead = started_ ? SequenceNumber::distance(highest_, header.sequence) : 1;
        if (!started_ || ahead > kMaxDropout || ahead <= -kMaxMisorder) {
            started_ = true;
            highest_ = header.sequence;
            ++received_;
            return;
        }
        ++received_;
        if (ahead > 1) {
            ++bursts_;
            lost_ += static_cast<std::uint64_t>(ahead - 1);
        }
        if (ahead > 0) {
            highest_ = header.sequence;
        } else if (ahead < 0 && lost_ > 0) {  // late: it was not lost after all
            --lost_;
            if (bursts_ > lost_) bursts_ = lost_;
        }
    }
    /// What was seen elsewhere; gaps that late packets have closed are negative.
    void add(SequenceNumber highest, std::uint64_t received, std::int64_t lost, std::int64_t bursts) {
        const auto grow = [](std::uint64_t& value, std::int64_t by) {
            value = by < 0 && static_cast<std::uint64_t>(-by) > value ? 0 : value + static_cast<std::uint64_t>(by);
        };
        if (!started_ || SequenceNumber::distance(highest_, highest) > 0) highest_ = highest;
        started_ = true;
        received_ += received;
        grow(lost_, lost);
        grow(bursts_, bursts);
        bursts_ = std::min(bursts_, lost_);
    }
    double burst_ratio() const {
        if (bursts_ == 0) return 1;
        const auto lost = static_cast<double>(lost_);
        const double seen = lost / static_cast<double>(bursts_);
        return std::max(1.0, seen * (1 - lost / (lost + static_cast<double>(received_))));
    }

  private:
    bool started_ = false;
    SequenceNumber highest_;
    std::uint64_t received_ = 0, lost_ = 0, bursts_ = 0;
};

}  // namespace carillon::rtp
