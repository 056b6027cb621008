/// What ends say of the streams that they receive, read and made: key frames asked for, packets missed, bandwidth seen.
/// Spec: RFC 4585 §6.2.1 (NACK), §6.3.1 (PLI); RFC 5104 §4.3.1 (FIR); draft-alvestrand-rmcat-remb-03 §2.2 (REMB);
/// RFC 3550 §6.1 (a report comes first in a compound packet), §6.4, §6.5.
/// Not here: when to say it (relay/media), congestion control over the whole transport.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "config/base/bytes.h"
#include "media/rtp/rtcp.h"

namespace carillon::rtp {

struct PictureLoss {
    std::uint32_t media = 0;
};
struct FullIntra {
    std::uint32_t media = 0;
    std::uint8_t number = 0;  ///< another one is another request
};
/// Of that packet, and of those behind it whose bits are set, the lowest is the next one.
struct Nack {
    std::uint32_t media = 0;
    std::uint16_t sequence = 0;
    std::uint16_t behind = 0;
};
struct ReceiverEstimate {
    std::uint64_t bitrate = 0;  ///< bits a second, over all that it names
};
struct SenderTime {
    std::uint32_t ssrc = 0;
    std::uint64_t ntp = 0;
    std::uint32_t timestamp = 0;
};
struct CanonicalName {
    std::uint32_t ssrc = 0;
    std::string_view name;
};
using Feedback = std::variant<PictureLoss, FullIntra, Nack, ReceiverEstimate, SenderTime, CanonicalName, ReportBlock>;

/// Each of them in a compound packet, in order, up to the first that is malformed. Allocates nothing.
void read_feedback(Bytes compound, const std::function<void(const Feedback& said)>& tell);

/// Takes the feedback messages (RFC 4585 §6.1) out of a compound packet, but for those about the streams `kept`, and
/// leaves the rest; answers the size.
std::size_t without_feedback(std::span<std::byte> compound, std::span<const std::uint32_t> kept = {}) noexcept;
/// Leaves of a compound packet the feedback messages about these streams alone; answers the size.
std::size_t only_feedback(std::span<std::byte> compound, std::span<const std::uint32_t> kept) noexcept;

inline constexpr std::size_t kPictureLossSize = 20;

/// An empty receiver report and a picture loss indication.
inline std::array<std::byte, kPictureLossSize> picture_loss(std::uint32_t sender, std::uint32_t media) {
    std::array<std::byte, kPictureLossSize> out{};
    store_u32(&out[0], 0x80'C9'0001);  // V=2, no blocks, RR, 1 word more
    store_u32(&out[4], sender);
    store_u32(&out[8], 0x81'CE'0002);  // V=2, FMT=1, PSFB, 2 words more
    store_u32(&out[12], sender);
    store_u32(&out[16], media);
    return out;
}

/// An empty receiver report and a full intra request.
std::vector<std::byte> full_intra(std::uint32_t sender, std::uint32_t media, std::uint8_t number);
/// An empty receiver report and what is missing; `sequences` in order.
std::vector<std::byte> nack(std::uint32_t sender, std::uint32_t media, std::span<const std::uint16_t> sequences);
/// An empty receiver report and what the receiver can take.
std::vector<std::byte> receiver_estimate(std::uint32_t sender, std::uint32_t media, std::uint64_t bitrate);

}  // namespace carillon::rtp
