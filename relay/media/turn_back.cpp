#include "relay/media/turn_back.h"

#include <algorithm>

namespace carillon::relay {
namespace {

constexpr unsigned kSenderReport = 200, kReceiverReport = 201, kSourceDescription = 202, kBye = 203, kRtpFeedback = 205,
                   kPayloadFeedback = 206;
constexpr unsigned kFullIntra = 4, kApplication = 15;
constexpr std::uint32_t kRemb = 0x52454D42;  // "REMB"

void mask_at(std::span<std::byte> packet, std::size_t at, std::uint32_t mask) {
    if (at + 4 > packet.size()) return;
    if (const auto ssrc = load_u32(&packet[at]); ssrc != 0) store_u32(&packet[at], ssrc ^ mask);  // 0 names nobody
}

void mask_feedback(std::span<std::byte> packet, unsigned type, unsigned format, std::uint32_t mask) {
    mask_at(packet, 8, mask);  // the media source
    if (type != kPayloadFeedback) return;
    if (format == kFullIntra)
        for (std::size_t at = 12; at + 8 <= packet.size(); at += 8) mask_at(packet, at, mask);
    if (format == kApplication && packet.size() >= 20 && load_u32(&packet[12]) == kRemb) {
        const auto count = std::to_integer<std::size_t>(packet[16]);
        for (std::size_t i = 0; i < count; ++i) mask_at(packet, 20 + 4 * i, mask);
    }
}

void mask_descriptions(std::span<std::byte> packet, unsigned count, std::uint32_t mask) {
    std::size_t at = 4;
    for (unsigned i = 0; i < count && at + 4 <= packet.size(); ++i) {
        mask_at(packet, at, mask);
        at += 4;
        while (at < packet.size() && packet[at] != std::byte{0}) {  // items: type, length, text
            if (at + 1 >= packet.size()) return;
            at += 2 + std::to_integer<std::size_t>(packet[at + 1]);
        }
        at = (at / 4 + 1) * 4;
    }
}

}  // namespace

bool turn_back_rtp(std::span<std::byte> packet, std::uint32_t mask) noexcept {
    if (packet.size() < 12) return false;
    mask_at(packet, 8, mask);
    const auto sources = std::to_integer<std::size_t>(packet[0]) & 0x0F;
    for (std::size_t i = 0; i < sources; ++i) mask_at(packet, 12 + 4 * i, mask);
    return true;
}

bool turn_back_rtcp(std::span<std::byte> compound, std::uint32_t mask) noexcept {
    while (!compound.empty()) {
        if (compound.size() < 4) return false;
        const auto count = std::to_integer<unsigned>(compound[0]) & 0x1F;
        const auto type = std::to_integer<unsigned>(compound[1]);
        const auto size = 4 * (std::size_t{load_u16(&compound[2])} + 1);
        if (size > compound.size()) return false;
        const auto packet = compound.first(size);
        if (type == kSourceDescription) {
            mask_descriptions(packet, count, mask);
        } else {
            mask_at(packet, 4, mask);
        }
        if (type == kSenderReport || type == kReceiverReport)
            for (std::size_t at = type == kSenderReport ? 28 : 8, i = 0; i < count; ++i, at += 24)
                mask_at(packet, at, mask);
        if (type == kBye)
            for (unsigned i = 1; i < count; ++i) mask_at(packet, 4 + 4 * std::size_t{i}, mask);
        if (type == kRtpFeedback || type == kPayloadFeedback) mask_feedback(packet, type, count, mask);
        compound = compound.subspan(size);
    }
    return true;
}

}  // namespace carillon::relay
