#include "media/rtp/rtp_stream.h"

#include <algorithm>

namespace carillon::rtp {
namespace {

constexpr std::uint64_t kNtpEpoch = 2208988800;  // seconds from 1900 to 1970

std::uint32_t middle(std::uint64_t ntp) { return static_cast<std::uint32_t>(ntp >> 16); }

void write_block(ByteWriter& out, const ReportBlock& block) {
    out.u32(block.ssrc);
    out.u8(block.fraction_lost);
    out.u24(static_cast<std::uint32_t>(std::clamp(block.cumulative_lost, -0x800000, 0x7FFFFF)) & 0xFFFFFF);
    out.u32(block.highest_sequence);
    out.u32(block.jitter);
    out.u32(block.last_sr);
    out.u32(block.delay_since_sr);
}

}  // namespace

Parsed<RtpPacket> parse_rtp(Bytes packet) {
    const auto header = Header::parse(packet);
    if (!header) return std::unexpected{header.error()};
    auto payload = packet.subspan(header->size);
    if ((packet[0] & std::byte{0x20}) != std::byte{0}) {  // §5.1 padding: its last octet counts it
        if (payload.empty()) return std::unexpected{Errc::truncated};
        const auto padding = std::to_integer<std::size_t>(payload.back());
        if (padding == 0 || padding > payload.size()) return std::unexpected{Errc::bad_length};
        payload = payload.first(payload.size() - padding);
    }
    return RtpPacket{*header, payload};
}

std::uint64_t ntp_now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds);
    const auto fraction = (static_cast<std::uint64_t>(nanos.count()) << 32) / 1000000000;
    return ((static_cast<std::uint64_t>(seconds.count()) + kNtpEpoch) << 32) | fraction;
}

std::vector<std::byte> RtpSender::packet(std::uint8_t payload_type, bool marker, Bytes payload, std::uint32_t ticks) {
    std::vector<std::byte> out(kFixedHeaderSize + payload.size());
    write(out, {.payload_type = payload_type, .marker = marker, .timestamp = timestamp_, .payload = payload});
    timestamp_ += ticks;
    return out;
}

std::size_t RtpSender::write(std::span<std::byte> out, const Outgoing& packet) {
    const bool extended = packet.audio_level_id != 0;
    const std::size_t header = kFixedHeaderSize + (extended ? 8 : 0);
    if (out.size() < header + packet.payload.size()) return 0;
    out[0] = extended ? std::byte{0x90} : std::byte{0x80};
    out[1] = static_cast<std::byte>((packet.marker ? 0x80 : 0) | packet.payload_type);
    store_u16(&out[2], sequence_++);
    store_u32(&out[4], packet.timestamp);
    store_u32(&out[8], ssrc_);
    if (extended) {
        store_u32(&out[12], 0xBEDE0001);  // RFC 8285 §4.2: one-byte headers, one word of them
        store_u32(&out[16], std::uint32_t{packet.audio_level_id} << 28 | std::uint32_t{packet.audio_level} << 16);
    }
    std::ranges::copy(packet.payload, out.begin() + static_cast<std::ptrdiff_t>(header));
    ++packets_;
    octets_ += packet.payload.size();
    return header + packet.payload.size();
}

void RtpReceiver::on_packet(const RtpPacket& packet, steady_clock::time_point arrival) {
    if (started() && packet.header.ssrc != ssrc_) {  // another source: its books start anew (A.1)
        reception_ = {};
        expected_before_ = received_before_ = 0;
    }
    ssrc_ = packet.header.ssrc;
    reception_.on_packet(packet.header, arrival.time_since_epoch(), clock_rate_);
    octets_ += packet.payload.size();
}

void RtpReceiver::on_sender_report(std::uint32_t middle_ntp, steady_clock::time_point arrival) {
    last_sr_ = middle_ntp;
    last_sr_at_ = arrival;
}

ReportBlock RtpReceiver::report(steady_clock::time_point now) {
    ReportBlock out{.ssrc = ssrc_};
    const auto expected = reception_.expected() - expected_before_;
    const auto received = reception_.received() - received_before_;
    expected_before_ += expected;
    received_before_ += received;
    if (expected > received) {
        out.fraction_lost =
            static_cast<std::uint8_t>(std::min<std::uint64_t>(255, (expected - received) * 256 / expected));
    }
    out.cumulative_lost = static_cast<std::int32_t>(std::min<std::uint64_t>(reception_.lost(), 0x7FFFFF));
    out.highest_sequence = reception_.highest_sequence();
    out.jitter = static_cast<std::uint32_t>(jitter_ms() * clock_rate_ / 1000);
    out.last_sr = last_sr_;
    if (last_sr_ != 0) {
        const auto delay = std::chrono::duration_cast<std::chrono::microseconds>(now - last_sr_at_).count();
        out.delay_since_sr = static_cast<std::uint32_t>(delay * 65536 / 1000000);
    }
    return out;
}

std::vector<std::byte> compose_rtcp(const RtpSender& sender, const std::optional<ReportBlock>& about,
                                    const std::string& cname, bool bye) {
    ByteWriter out;
    const auto header = [&](unsigned count, RtcpType type, std::size_t octets) {
        out.u8(static_cast<std::uint8_t>(0x80 | count));
        out.u8(static_cast<std::uint8_t>(type));
        out.u16(static_cast<std::uint16_t>(octets / 4 - 1));
        out.u32(sender.ssrc());
    };
    const std::size_t blocks = about ? 24 : 0;
    if (sender.packets() > 0) {
        header(about ? 1 : 0, RtcpType::sender_report, 28 + blocks);
        out.u64(ntp_now());
        out.u32(sender.timestamp());
        out.u32(static_cast<std::uint32_t>(sender.packets()));
        out.u32(static_cast<std::uint32_t>(sender.octets()));
    } else {
        header(about ? 1 : 0, RtcpType::receiver_report, 8 + blocks);
    }
    if (about) write_block(out, *about);
    // SDES: item CNAME, then at least one zero up to a word boundary (§6.5).
    const auto text = std::string_view{cname}.substr(0, 255);
    const std::size_t item = 2 + text.size();
    const std::size_t padding = 4 - item % 4;
    header(1, RtcpType::source_description, 8 + item + padding);
    out.u8(1);
    out.u8(static_cast<std::uint8_t>(text.size()));
    out.bytes(as_bytes(text));
    out.zeros(padding);
    if (bye) header(1, RtcpType::bye, 8);
    return out.release();
}

std::optional<std::chrono::microseconds> round_trip(const ReportBlock& block, std::uint64_t ntp_arrival) {
    if (block.last_sr == 0) return std::nullopt;
    const auto ticks = static_cast<std::int32_t>(middle(ntp_arrival) - block.last_sr - block.delay_since_sr);
    return std::chrono::microseconds{std::max<std::int64_t>(0, std::int64_t{ticks} * 1000000 / 65536)};
}

}  // namespace carillon::rtp
