/// Where a packet index is put down for a successor: one store of eight octets, so that no moment finds half of it.
/// Spec: RFC 3711 §3.3.1 (index: roll-over counter and sequence number).
/// Not here: the memory the cells lie in (relay/journal).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>

namespace carillon::srtp {

inline constexpr std::uint64_t kIndexMask = 0xFFFF'FFFF'FFFF;

/// Sixteen bits over SSRC and index, never zero: a cell nobody has written to, or that is damaged, does not match.
constexpr std::uint64_t index_check(std::uint32_t ssrc, std::uint64_t index) {
    std::uint64_t mixed = (index ^ (std::uint64_t{ssrc} << 29) ^ 0x9E37'79B9'7F4A'7C15) * 0xBF58'476D'1CE4'E5B9;
    mixed ^= mixed >> 31;
    return (mixed >> 48) | 1;
}
constexpr std::uint64_t pack_index(std::uint32_t ssrc, std::uint64_t index) {
    return (index_check(ssrc, index & kIndexMask) << 48) | (index & kIndexMask);
}
constexpr std::optional<std::uint64_t> unpack_index(std::uint32_t ssrc, std::uint64_t cell) {
    const auto index = cell & kIndexMask;
    if (cell != pack_index(ssrc, index)) return std::nullopt;
    return index;
}

/// The cells of one SSRC; null: nobody keeps them.
struct IndexCells {
    std::uint64_t* rtp = nullptr;
    std::uint64_t* rtcp = nullptr;
};
/// Gives an SSRC its cells. Called once for each SSRC.
using IndexKeeper = std::function<IndexCells(std::uint32_t ssrc)>;

}  // namespace carillon::srtp
