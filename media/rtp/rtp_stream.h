/// The two halves of one RTP stream: numbering what is sent, and reporting by RTCP on what arrives.
/// Spec: RFC 3550 §5.1, §6.4, §6.5.
/// Not here: reading headers and reports (packet.h, rtcp.h), loss and jitter (reception.h); payloads, encryption,
/// pacing; feedback.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"
#include "media/rtp/packet.h"
#include "media/rtp/reception.h"
#include "media/rtp/rtcp.h"

namespace carillon::rtp {

using std::chrono::steady_clock;

struct RtpPacket {
    Header header;
    Bytes payload;  ///< without padding
};
Parsed<RtpPacket> parse_rtp(Bytes packet);

/// 64-bit NTP time of now (RFC 3550 §4).
std::uint64_t ntp_now();

/// What goes into one packet beside its number.
struct Outgoing {
    std::uint8_t payload_type = 0;
    bool marker = false;
    std::uint32_t timestamp = 0;
    Bytes payload;
    /// RFC 6464 §3: goes along as a one-byte header extension of that id (1..14); 0: none.
    std::uint8_t audio_level_id = 0;
    std::uint8_t audio_level = 0;  ///< V and level
};

/// Threading: one thread at a time.
class RtpSender {
  public:
    RtpSender(std::uint32_t ssrc, std::uint16_t first_sequence, std::uint32_t first_timestamp)
        : ssrc_{ssrc}, sequence_{first_sequence}, timestamp_{first_timestamp} {}

    /// A packet with this payload; afterwards the clock is `ticks` further.
    std::vector<std::byte> packet(std::uint8_t payload_type, bool marker, Bytes payload, std::uint32_t ticks);
    /// The next packet, at any timestamp; answers its size, 0 when `out` has no room for it. The clock stays.
    std::size_t write(std::span<std::byte> out, const Outgoing& packet);
    /// The clock goes on.
    void pass(std::uint32_t ticks) { timestamp_ += ticks; }
    /// A packet that was made elsewhere was sent.
    void count(std::uint32_t timestamp, std::size_t payload) {
        timestamp_ = timestamp;
        ++packets_;
        octets_ += payload;
    }
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
    void on_sender_report(std::uint32_t middle_ntp, steady_clock::time_point arrival);
    /// The block for our next report; counts the interval since the last one.
    ReportBlock report(steady_clock::time_point now);

    bool started() const { return reception_.received() > 0; }
    std::uint64_t octets() const { return octets_; }  ///< of payload
    const Reception& reception() const { return reception_; }
    double jitter_ms() const { return std::chrono::duration<double, std::milli>(reception_.jitter()).count(); }

  private:
    unsigned clock_rate_;
    std::uint32_t ssrc_ = 0;
    Reception reception_;
    std::uint64_t octets_ = 0;
    std::uint64_t expected_before_ = 0;  // at the last report
    std::uint64_t received_before_ = 0;
    std::uint32_t last_sr_ = 0;
    steady_clock::time_point last_sr_at_;
};

/// A compound packet: SR (or RR when nothing was sent), SDES with the CNAME, and BYE when `bye`.
std::vector<std::byte> compose_rtcp(const RtpSender& sender, const std::optional<ReportBlock>& about,
                                    const std::string& cname, bool bye);

/// Round trip from a block about us: A - LSR - DLSR (RFC 3550 §6.4.1); nullopt when the peer has seen no SR yet.
std::optional<std::chrono::microseconds> round_trip(const ReportBlock& block, std::uint64_t ntp_arrival);

}  // namespace carillon::rtp
