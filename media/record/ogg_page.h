/// One page of an Ogg stream being put together.
/// Spec: RFC 3533 §6 (page format, lacing, CRC).
/// Not here: packets that go on in the next page; reading.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::record {

/// CRC-32 with the polynomial 0x04C11DB7, from 0, not reflected, over a page whose checksum field is 0.
std::uint32_t ogg_checksum(Bytes page);

///  0                   1                   2                   3
/// |       "OggS" capture pattern                                  |
/// |    version    | type flags    |  granule position (64, LE)    |
/// |  bitstream serial number (32) | page sequence number (32)     |
/// |  CRC checksum (32)            | segments | segment table      |
/// Threading: one thread at a time.
class OggPage {
  public:
    static constexpr std::size_t kMostSegments = 255;
    enum Flags : std::uint8_t { kNone = 0, kFirst = 0x02, kLast = 0x04 };

    /// Whether a packet of this size goes on this page as a whole.
    bool has_room_for(std::size_t packet) const { return segments_ + packet / 255 + 1 <= kMostSegments; }
    void add(Bytes packet);
    bool empty() const { return segments_ == 0; }
    /// The whole page; this one is empty again.
    std::vector<std::byte> finish(std::uint8_t flags, std::uint64_t granule, std::uint32_t serial,
                                  std::uint32_t sequence);

  private:
    std::array<std::byte, kMostSegments> lacing_{};
    std::size_t segments_ = 0;
    std::vector<std::byte> body_;
};

}  // namespace carillon::record
