#include "media/phone/rtp_stream.h"

#include <algorithm>
#include <cmath>

namespace carillon::phone {
namespace {

constexpr std::size_t kRtpHeader = 12;
constexpr std::uint8_t kSenderReport = 200;
constexpr std::uint8_t kReceiverReport = 201;
constexpr std::uint8_t kSourceDescription = 202;
constexpr std::uint8_t kBye = 203;
constexpr std::uint64_t kNtpEpoch = 2208988800;  // seconds from 1900 to 1970
constexpr std::size_t kMaxBlocks = 31;

std::uint32_t middle(std::uint64_t ntp) { return static_cast<std::uint32_t>(ntp >> 16); }

std::optional<ReportBlock> read_block(ByteReader& in) {
    ReportBlock out;
    const auto ssrc = in.u32();
    const auto fraction = in.u8();
    const auto lost = in.u24();
    const auto highest = in.u32();
    const auto jitter = in.u32();
    const auto last_sr = in.u32();
    const auto delay = in.u32();
    if (!delay) return std::nullopt;
    out.ssrc = *ssrc;
    out.fraction_lost = *fraction / 256.0;
    out.cumulative_lost = static_cast<std::int32_t>(*lost << 8) >> 8;  // 24 bits, signed
    out.highest_sequence = *highest;
    out.jitter = *jitter;
    out.last_sr = *last_sr;
    out.delay_since_last_sr = *delay;
    return out;
}

void write_block(ByteWriter& out, const ReportBlock& block) {
    out.u32(block.ssrc);
    out.u8(static_cast<std::uint8_t>(std::clamp(block.fraction_lost * 256, 0.0, 255.0)));
    out.u24(static_cast<std::uint32_t>(std::clamp(block.cumulative_lost, -0x800000, 0x7FFFFF)) & 0xFFFFFF);
    out.u32(block.highest_sequence);
    out.u32(block.jitter);
    out.u32(block.last_sr);
    out.u32(block.delay_since_last_sr);
}

}  // namespace

Parsed<RtpPacket> parse_rtp(Bytes packet) {
    if (packet.size() < kRtpHeader) return std::unexpected{Errc::truncated};
    const auto first = std::to_integer<unsigned>(packet[0]);
    if (first >> 6 != 2) return std::unexpected{Errc::bad_version};
    const auto second = std::to_integer<unsigned>(packet[1]);
    RtpPacket out;
    out.marker = second & 0x80;
    out.payload_type = second & 0x7F;
    out.sequence = load_u16(&packet[2]);
    out.timestamp = load_u32(&packet[4]);
    out.ssrc = load_u32(&packet[8]);
    auto rest = packet.subspan(kRtpHeader);
    const std::size_t csrcs = (first & 0x0F) * 4U;
    if (rest.size() < csrcs) return std::unexpected{Errc::truncated};
    rest = rest.subspan(csrcs);
    if (first & 0x10) {  // §5.3.1: one extension, its length in words without its own header
        if (rest.size() < 4) return std::unexpected{Errc::truncated};
        const std::size_t length = 4 + 4U * load_u16(&rest[2]);
        if (rest.size() < length) return std::unexpected{Errc::truncated};
        rest = rest.subspan(length);
    }
    if (first & 0x20) {  // padding: its last octet counts it
        if (rest.empty()) return std::unexpected{Errc::truncated};
        const auto padding = std::to_integer<std::size_t>(rest.back());
        if (padding == 0 || padding > rest.size()) return std::unexpected{Errc::bad_length};
        rest = rest.first(rest.size() - padding);
    }
    out.payload = rest;
    return out;
}

bool is_rtcp(Bytes packet) { return packet.size() >= 2 && packet[1] >= std::byte{192} && packet[1] <= std::byte{223}; }

Parsed<RtcpNews> parse_rtcp(Bytes compound) {
    RtcpNews news;
    ByteReader all{compound};
    while (!all.empty()) {
        const auto first = all.u8();
        const auto type = all.u8();
        const auto words = all.u16();
        if (!words) return std::unexpected{Errc::truncated};
        if (*first >> 6 != 2) return std::unexpected{Errc::bad_version};
        const auto body = all.take(std::size_t{*words} * 4);
        if (!body) return std::unexpected{Errc::bad_length};
        ByteReader in{*body};
        if (*type == kBye) news.bye = true;
        if (*type != kSenderReport && *type != kReceiverReport) continue;
        const auto ssrc = in.u32();
        if (!ssrc) return std::unexpected{Errc::truncated};
        news.sender_ssrc = *ssrc;
        if (*type == kSenderReport) {
            const auto ntp = in.u64();
            if (!ntp || !in.skip(12)) return std::unexpected{Errc::truncated};
            news.sender_ntp = *ntp;
        }
        for (unsigned i = 0; i < (*first & 0x1FU) && news.blocks.size() < kMaxBlocks; ++i) {
            const auto block = read_block(in);
            if (!block) return std::unexpected{Errc::truncated};
            news.blocks.push_back(*block);
        }
    }
    return news;
}

std::uint64_t ntp_now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds);
    const auto fraction = (static_cast<std::uint64_t>(nanos.count()) << 32) / 1000000000;
    return ((static_cast<std::uint64_t>(seconds.count()) + kNtpEpoch) << 32) | fraction;
}

std::vector<std::byte> RtpSender::packet(std::uint8_t payload_type, bool marker, Bytes payload, std::uint32_t ticks) {
    ByteWriter out;
    out.u8(0x80);
    out.u8(static_cast<std::uint8_t>((marker ? 0x80 : 0) | payload_type));
    out.u16(sequence_++);
    out.u32(timestamp_);
    out.u32(ssrc_);
    out.bytes(payload);
    timestamp_ += ticks;
    ++packets_;
    octets_ += payload.size();
    return out.release();
}

void RtpReceiver::on_packet(const RtpPacket& packet, steady_clock::time_point arrival) {
    const auto arrival_ticks =
        std::chrono::duration_cast<std::chrono::microseconds>(arrival.time_since_epoch()).count() * clock_rate_ /
        1000000;
    // Differences of 32-bit timestamps: only how the transit changes matters (A.8).
    const auto transit = static_cast<std::int64_t>(
        static_cast<std::int32_t>(static_cast<std::uint32_t>(arrival_ticks) - packet.timestamp));
    if (packets_ == 0 || packet.ssrc != ssrc_) {
        const auto keep = octets_;
        *this = RtpReceiver{clock_rate_};  // another source: its books start anew (A.1)
        octets_ = keep;
        ssrc_ = packet.ssrc;
        base_ = packet.sequence;
        highest_ = packet.sequence;
    } else {
        const auto ahead = static_cast<std::int16_t>(packet.sequence - static_cast<std::uint16_t>(highest_));
        if (ahead > 0) highest_ += static_cast<std::uint32_t>(ahead);
        const auto change = static_cast<std::int32_t>(static_cast<std::uint32_t>(transit - last_transit_));
        jitter_ += (std::abs(static_cast<double>(change)) - jitter_) / 16;
    }
    last_transit_ = transit;
    ++packets_;
    octets_ += packet.payload.size();
}

std::uint64_t RtpReceiver::expected() const { return packets_ == 0 ? 0 : std::uint64_t{highest_} - base_ + 1; }

void RtpReceiver::on_sender_report(std::uint64_t ntp, steady_clock::time_point arrival) {
    last_sr_ = middle(ntp);
    last_sr_at_ = arrival;
}

ReportBlock RtpReceiver::report(steady_clock::time_point now) {
    ReportBlock out;
    out.ssrc = ssrc_;
    const auto expected_interval = expected() - expected_before_;
    const auto received_interval = packets_ - packets_before_;
    expected_before_ = expected();
    packets_before_ = packets_;
    if (expected_interval > received_interval) {
        out.fraction_lost =
            static_cast<double>(expected_interval - received_interval) / static_cast<double>(expected_interval);
    }
    out.cumulative_lost = static_cast<std::int32_t>(lost());
    out.highest_sequence = highest_;
    out.jitter = static_cast<std::uint32_t>(jitter_);
    out.last_sr = last_sr_;
    if (last_sr_ != 0) {
        const auto delay = std::chrono::duration_cast<std::chrono::microseconds>(now - last_sr_at_).count();
        out.delay_since_last_sr = static_cast<std::uint32_t>(delay * 65536 / 1000000);
    }
    return out;
}

std::vector<std::byte> compose_rtcp(const RtpSender& sender, const std::optional<ReportBlock>& about,
                                    const std::string& cname, bool bye) {
    ByteWriter out;
    const auto header = [&](unsigned count, std::uint8_t type, std::size_t octets) {
        out.u8(static_cast<std::uint8_t>(0x80 | count));
        out.u8(type);
        out.u16(static_cast<std::uint16_t>(octets / 4 - 1));
        out.u32(sender.ssrc());
    };
    const std::size_t blocks = about ? 24 : 0;
    if (sender.packets() > 0) {
        header(about ? 1 : 0, kSenderReport, 28 + blocks);
        out.u64(ntp_now());
        out.u32(sender.timestamp());
        out.u32(static_cast<std::uint32_t>(sender.packets()));
        out.u32(static_cast<std::uint32_t>(sender.octets()));
    } else {
        header(about ? 1 : 0, kReceiverReport, 8 + blocks);
    }
    if (about) write_block(out, *about);
    // SDES: item CNAME, then at least one zero up to a word boundary (§6.5).
    const auto text = std::string_view{cname}.substr(0, 255);
    const std::size_t item = 2 + text.size();
    const std::size_t padding = 4 - item % 4;
    header(1, kSourceDescription, 8 + item + padding);
    out.u8(1);
    out.u8(static_cast<std::uint8_t>(text.size()));
    out.bytes(as_bytes(text));
    out.zeros(padding);
    if (bye) header(1, kBye, 8);
    return out.release();
}

std::optional<std::chrono::microseconds> round_trip(const ReportBlock& block, std::uint64_t ntp_arrival) {
    if (block.last_sr == 0) return std::nullopt;
    const auto ticks = static_cast<std::int32_t>(middle(ntp_arrival) - block.last_sr - block.delay_since_last_sr);
    return std::chrono::microseconds{std::max<std::int64_t>(0, std::int64_t{ticks} * 1000000 / 65536)};
}

}  // namespace carillon::phone
