/// What one endpoint has sent, measured as it passes.
/// Spec: RFC 3550 §6.4.1, §A.3, §A.8; round trips from SR and RR as in §6.4.1.
#pragma once
#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "media/rtp/loss_bursts.h"
#include "media/rtp/reception.h"
#include "media/rtp/rtcp.h"
#include "media/rtp/rtcp_xr.h"
#include "relay/kernel/flow.h"
#include "relay/learning/drop.h"

namespace carillon::relay {

/// The clock rate of a payload type: by RFC 3551 for static ones, else judged by how fast its timestamps run.
class ClockRate {
  public:
    /// In Hz; 0 while not known.
    std::uint32_t on_packet(const rtp::Header& header, std::chrono::nanoseconds arrival);
    std::uint32_t rate() const { return rate_; }
    std::uint8_t payload_type() const { return payload_type_; }

  private:
    std::uint32_t rate_ = 0;
    std::uint32_t first_timestamp_ = 0;
    std::chrono::nanoseconds first_arrival_{};
    std::uint8_t payload_type_ = 255;
};

/// The latest packet of a stream.
struct StreamPoint {
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    SteadyTime at{};
};

/// Threading: its shard. Allocates nothing.
struct LegStatistics {
    std::uint64_t packets = 0;  ///< media: RTP, RTCP, DTLS
    std::uint64_t bytes = 0;
    std::uint64_t stun = 0;
    DropCounters drops{};
    SteadyTime last_media{};

    /// `clear`: RTP payloads are readable.
    void on_media(Bytes datagram, SteadyTime now, bool clear = false);
    /// A report of this endpoint about what `other` sent: measures the way there and back.
    void on_rtcp(Bytes datagram, SteadyTime now, LegStatistics& other);

    /// Which RTP streams the kernel is to measure, empty figures for each. False: none is known well enough.
    bool describe(carillon_flow& flow) const;
    /// What the kernel has measured since `before`.
    void add(const carillon_flow& measured, const carillon_flow& before);

    std::uint64_t expected() const;
    std::uint64_t lost() const;
    std::uint64_t late() const;
    std::uint64_t duplicates() const;
    double jitter_ms() const;  ///< of the stream with the most packets
    double round_trip_ms = 0;  ///< relay to this endpoint and back; 0: not known

    // For the quality (call_quality.h).
    /// The stream of audio with the most packets.
    struct Audio {
        std::uint32_t ssrc = 0, clock_rate = 0;
        std::uint8_t payload_type = 0;
        std::uint64_t received = 0, expected = 0;
        double loss = 0, burst_ratio = 1, jitter_ms = 0;
    };
    std::optional<Audio> audio() const;
    /// The latest packet, in order, of the stream that last had one of these payload types.
    std::optional<StreamPoint> latest(const std::bitset<128>& types) const;
    SteadyTime quiet_since{};               ///< packets come without sound since then; 0: with
    std::optional<rtp::ReportBlock> heard;  ///< the endpoint's last report of what it hears
    std::optional<rtp::VoipMetrics> voip;   ///< the same by RFC 3611

  private:
    struct Stream {
        std::uint32_t ssrc = 0;
        bool used = false;
        rtp::Reception reception;
        rtp::LossBursts bursts;
        ClockRate clock;
        std::uint32_t timestamp = 0;  // of the latest in order
        SteadyTime at{};
    };
    struct SenderReport {
        std::uint32_t mid_ntp = 0;
        SteadyTime passed{};
    };
    void look_at_sample(const carillon_flow& measured);
    Stream* of(std::uint32_t ssrc);

    static constexpr std::size_t kMaxStreams = 4;  // audio, video, retransmissions; further ones are only counted
    std::array<Stream, kMaxStreams> streams_{};
    std::array<SenderReport, 4> reports_{};
    std::size_t next_report_ = 0;
    bool clear_ = false;  // payloads are readable
};

}  // namespace carillon::relay
