#include "relay/journal/layout.h"

namespace carillon::relay::journal {
namespace {

constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xEDB8'8320 ^ (value >> 1) : value >> 1;
        table[i] = value;
    }
    return table;
}();

}  // namespace

std::uint32_t crc32(Bytes bytes, std::uint32_t crc) {
    crc = ~crc;
    for (const auto octet : bytes) crc = kTable[(crc ^ std::to_integer<std::uint32_t>(octet)) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

std::uint32_t check_of(const TextRef& ref, Bytes text) {
    const std::array<std::uint32_t, 3> where{ref.sequence, ref.first, ref.length};
    return crc32(text, crc32(std::as_bytes(std::span{where})));
}

std::uint32_t check_of(const PathCopy& copy) {
    const std::array<std::uint32_t, 1> sequence{copy.sequence};
    return crc32(std::as_bytes(std::span{&copy.set, 1}), crc32(std::as_bytes(std::span{sequence})));
}

std::uint16_t check_of(const SavedPoint& point) {
    const std::array<std::uint32_t, 4> words{point.ssrc, point.timestamp, point.at, point.sequence};
    const auto crc = crc32(std::as_bytes(std::span{words}));
    return static_cast<std::uint16_t>(crc ^ crc >> 16);
}

}  // namespace carillon::relay::journal
