/// Loss, order and jitter of one RTP stream as its receiver sees it.
/// Spec: RFC 3550 §A.1 (sequence validation), §A.3 (loss), §6.4.1 and §A.8 (jitter).
#pragma once
#include <chrono>
#include <cstdint>

#include "media/rtp/packet.h"

namespace carillon::rtp {

/// Threading: one thread. Allocates nothing.
class Reception {
  public:
    enum class Verdict : std::uint8_t { in_order, late, duplicate, restarted };

    /// `arrival`: any steady clock. `clock_rate` in Hz; 0 when not known: no jitter is measured.
    Verdict on_packet(const Header& header, std::chrono::nanoseconds arrival, std::uint32_t clock_rate);

    /// What somebody else has seen of the same stream, in the same way, since that was told last.
    struct Elsewhere {
        std::uint64_t received = 0, late = 0, duplicates = 0;
        std::uint64_t ahead = 0;  ///< by so much the highest sequence number has grown
        SequenceNumber first;     ///< of all that was seen there
        SequenceNumber highest;
        std::uint64_t seen = 0;        ///< bit n: `highest` - n has arrived
        double jitter_timestamps = 0;  ///< as it is now, what was known here before included
        std::uint32_t timestamp = 0;
        std::chrono::nanoseconds arrival{};
    };
    void add(const Elsewhere& other);

    std::uint64_t received() const { return received_; }
    std::uint64_t expected() const { return base_expected_ + (started_ ? highest_ - base_ + 1 : 0); }
    /// Not negative: duplicates do not make up for losses.
    std::uint64_t lost() const;
    double loss() const;  ///< 0..1
    /// As a report block has it: cycles above the sequence number (§6.4.1).
    std::uint32_t highest_sequence() const { return started_ ? static_cast<std::uint32_t>(highest_ - 0x10000) : 0; }
    std::uint64_t late() const { return late_; }
    std::uint64_t duplicates() const { return duplicates_; }
    std::chrono::nanoseconds jitter() const;
    double jitter_timestamps() const { return jitter_; }

  private:
    void start(const Header& header);

    static constexpr int kMaxDropout = 3000;  // §A.1
    static constexpr int kMaxMisorder = 100;

    bool started_ = false;
    std::uint64_t base_ = 0;           // extended: cycles in the upper bits
    std::uint64_t highest_ = 0;        // extended
    std::uint64_t base_expected_ = 0;  // of earlier runs, before the sender restarted
    std::uint64_t received_ = 0;
    std::uint64_t late_ = 0;
    std::uint64_t duplicates_ = 0;
    std::uint64_t seen_ = 0;  // bit n: highest_ - n has arrived
    std::uint32_t bad_sequence_ = 0x10000;
    std::uint32_t last_timestamp_ = 0;
    std::chrono::nanoseconds last_arrival_{};
    std::uint32_t clock_rate_ = 0;
    double jitter_ = 0;  // in timestamp units
};

}  // namespace carillon::rtp
