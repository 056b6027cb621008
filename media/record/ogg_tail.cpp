#include "media/record/ogg_tail.h"

#include <algorithm>

#include "media/record/little_endian.h"
#include "media/record/ogg_page.h"

namespace carillon::record {
namespace {

constexpr std::size_t kHead = 27, kFlagsAt = 5, kGranuleAt = 6, kSerialAt = 14, kSequenceAt = 18, kChecksumAt = 22;
constexpr std::size_t kLongestPage = kHead + 255 + 255 * 255;
constexpr std::uint64_t kNoGranule = ~std::uint64_t{0};  // no packet ends on that page

std::uint64_t load_le(Bytes bytes, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
    return value;
}

/// Its length; 0 when no whole page begins there.
std::size_t page_at(Bytes bytes) {
    if (bytes.size() < kHead || !std::ranges::equal(bytes.first(4), as_bytes("OggS"))) return 0;
    const auto segments = std::to_integer<std::size_t>(bytes[kHead - 1]);
    std::size_t size = kHead + segments;
    if (bytes.size() < size) return 0;
    for (std::size_t i = 0; i < segments; ++i) size += std::to_integer<std::size_t>(bytes[kHead + i]);
    if (bytes.size() < size) return 0;
    std::vector<std::byte> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    store_le(&copy[kChecksumAt], std::uint32_t{0});
    return ogg_checksum(copy) == load_le(bytes, kChecksumAt, 4) ? size : 0;
}

}  // namespace

std::optional<OggTail> find_tail(const AppendFile& file) {
    const auto first = file.read(0, kLongestPage);
    if (page_at(first) == 0) return std::nullopt;
    const auto serial = static_cast<std::uint32_t>(load_le(first, kSerialAt, 4));
    const auto from = file.size() > 2 * kLongestPage ? file.size() - 2 * kLongestPage : 0;
    const auto end = file.read(from, 2 * kLongestPage);
    std::optional<OggTail> tail;
    for (std::size_t at = 0; at + kHead <= end.size();) {
        const auto page = Bytes{end}.subspan(at);
        const auto size = page_at(page);
        if (size == 0 || load_le(page, kSerialAt, 4) != serial) {
            ++at;
            continue;
        }
        const auto granule = load_le(page, kGranuleAt, 8);
        tail = OggTail{.serial = serial,
                       .sequence = static_cast<std::uint32_t>(load_le(page, kSequenceAt, 4)),
                       .granule = granule != kNoGranule ? granule
                                  : tail                ? tail->granule
                                                        : 0,
                       .page = from + at,
                       .end = from + at + size,
                       .empty = size == kHead,
                       .closed = (std::to_integer<unsigned>(page[kFlagsAt]) & OggPage::kLast) != 0};
        at += size;
    }
    return tail;
}

bool reopen_stream(AppendFile& file, const OggTail& tail) {
    auto page = file.read(tail.page, tail.end - tail.page);
    if (page.size() != tail.end - tail.page) return false;
    page[kFlagsAt] &= static_cast<std::byte>(~OggPage::kLast);
    store_le(&page[kChecksumAt], std::uint32_t{0});
    store_le(&page[kChecksumAt], ogg_checksum(page));
    return file.replace(tail.page, page);
}

}  // namespace carillon::record
