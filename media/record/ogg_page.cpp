#include "media/record/ogg_page.h"

#include <algorithm>

#include "media/record/little_endian.h"

namespace carillon::record {
namespace {

constexpr std::size_t kChecksumAt = 22;

constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i << 24;
        for (int bit = 0; bit < 8; ++bit) value = (value << 1) ^ ((value & 0x80000000u) != 0 ? 0x04C11DB7u : 0u);
        table[i] = value;
    }
    return table;
}();

}  // namespace

std::uint32_t ogg_checksum(Bytes page) {
    std::uint32_t sum = 0;
    for (const auto octet : page) sum = (sum << 8) ^ kTable[(sum >> 24) ^ std::to_integer<std::uint32_t>(octet)];
    return sum;
}

void OggPage::add(Bytes packet) {
    // A packet ends with a segment of less than 255 octets, which may be 0.
    for (std::size_t left = packet.size();; left -= 255) {
        lacing_[segments_++] = static_cast<std::byte>(std::min<std::size_t>(left, 255));
        if (left < 255) break;
    }
    body_.insert(body_.end(), packet.begin(), packet.end());
}

std::vector<std::byte> OggPage::finish(std::uint8_t flags, std::uint64_t granule, std::uint32_t serial,
                                       std::uint32_t sequence) {
    std::vector<std::byte> page;
    page.reserve(27 + segments_ + body_.size());
    const auto capture = as_bytes("OggS");
    page.assign(capture.begin(), capture.end());
    page.push_back(std::byte{0});
    page.push_back(std::byte{flags});
    put_le(page, granule);
    put_le(page, serial);
    put_le(page, sequence);
    put_le(page, std::uint32_t{0});
    page.push_back(static_cast<std::byte>(segments_));
    page.insert(page.end(), lacing_.begin(), lacing_.begin() + static_cast<std::ptrdiff_t>(segments_));
    page.insert(page.end(), body_.begin(), body_.end());
    store_le(&page[kChecksumAt], ogg_checksum(page));
    segments_ = 0;
    body_.clear();
    return page;
}

}  // namespace carillon::record
