/// The two halves of one RTP stream: numbering what is sent, and keeping the books of what arrives, with RTCP for both.
/// Spec: RFC 3550 §5.1, §6.4, appendices A.1, A.3, A.8.
/// Not here: payloads, encryption, pacing; feedback and extended reports.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::phone {

using std::chrono::steady_clock;

struct RtpPacket {
    std::uint8_t payload_type = 0;
    bool marker = false;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t ssrc = 0;
    Bytes payload;
};
Parsed<RtpPacket> parse_rtp(Bytes packet);

/// RFC 5761 §4: on one port, packet types 192 to 223 in the second octet are RTCP.
bool is_rtcp(Bytes packet);

/// One report block about a stream (RFC 3550 §6.4.1).
struct ReportBlock {
    std::uint32_t ssrc = 0;
    double fraction_lost = 0;
    std::int32_t cumulative_lost = 0;
    std::uint32_t highest_sequence = 0;
    std::uint32_t jitter = 0;
    std::uint32_t last_sr = 0;
    std::uint32_t delay_since_last_sr = 0;
};

/// What a compound RTCP packet says that this end cares about.
struct RtcpNews {
    std::optional<std::uint64_t> sender_ntp;  ///< from an SR
    std::uint32_t sender_ssrc = 0;
    std::vector<ReportBlock> blocks;
    bool bye = false;
};
Parsed<RtcpNews> parse_rtcp(Bytes compound);

/// 64-bit NTP time of now (RFC 3550 §4).
std::uint64_t ntp_now();

/// Threading: one thread at a time.
class RtpSender {
  public:
    RtpSender(std::uint32_t ssrc, std::uint16_t first_sequence, std::uint32_t first_timestamp)
        : ssrc_{ssrc}, sequence_{first_sequence}, timestamp_{first_timestamp} {}

    /// A packet with this payload; afterwards the clock is `ticks` further.
    std::vector<std::byte> packet(std::uint8_t payload_type, bool marker, Bytes payload, std::uint32_t ticks);
    std::uint32_t ssrc() const { return ssrc_; }
    std::uint64_t packets() const { return packets_; }
    std::uint64_t octets() const { return octets_; }
    std::uint32_t timestamp() const { return timestamp_; }

  private:
    std::uint32_t ssrc_;
    std::uint16_t sequence_;
    std::uint32_t timestamp_;
    std::uint64_t packets_ = 0;
    std::uint64_t octets_ = 0;  // of payload, as SR counts
};

/// Threading: one thread at a time.
class RtpReceiver {
  public:
    explicit RtpReceiver(unsigned clock_rate) : clock_rate_{clock_rate} {}

    void on_packet(const RtpPacket& packet, steady_clock::time_point arrival);
    void on_sender_report(std::uint64_t ntp, steady_clock::time_point arrival);
    /// The block for our next report; counts the interval since the last one.
    ReportBlock report(steady_clock::time_point now);

    std::uint32_t ssrc() const { return ssrc_; }
    bool started() const { return packets_ > 0; }
    std::uint64_t packets() const { return packets_; }
    std::uint64_t octets() const { return octets_; }
    std::uint64_t expected() const;
    std::int64_t lost() const { return static_cast<std::int64_t>(expected()) - static_cast<std::int64_t>(packets_); }
    double jitter_ms() const { return jitter_ * 1000 / clock_rate_; }

  private:
    unsigned clock_rate_;
    std::uint32_t ssrc_ = 0;
    std::uint16_t base_ = 0;
    std::uint32_t highest_ = 0;  // extended: cycles in the upper half
    std::uint64_t packets_ = 0;
    std::uint64_t octets_ = 0;
    std::uint64_t expected_before_ = 0;  // at the last report
    std::uint64_t packets_before_ = 0;
    double jitter_ = 0;  // in ticks
    std::int64_t last_transit_ = 0;
    std::uint32_t last_sr_ = 0;
    steady_clock::time_point last_sr_at_;
};

/// A compound packet: SR (or RR when nothing was sent), SDES with the CNAME, and BYE when `bye`.
std::vector<std::byte> compose_rtcp(const RtpSender& sender, const std::optional<ReportBlock>& about,
                                    const std::string& cname, bool bye);

/// Round trip from a block about us: A - LSR - DLSR (RFC 3550 §6.4.1); nullopt when the peer has seen no SR yet.
std::optional<std::chrono::microseconds> round_trip(const ReportBlock& block, std::uint64_t ntp_arrival);

}  // namespace carillon::phone
