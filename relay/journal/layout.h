/// The journal's file, block by block.
/// A file is blocks of 256 octets in the machine's own byte order: a journal does not travel. Block 0 is the header;
/// each of the others says what it is. A stream is a head, which refers to its text (a chain of pieces), to the
/// addresses of its legs, and through its text to the indices of its SSRCs.
/// What is longer than eight octets has two places: the new one is written beside the old one and counts when its
/// sequence number stands there and its check matches. So whenever the process dies, one of the two is whole.
/// Not here: reading (reader.h), writing (journal.h).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "config/base/bytes.h"
#include "relay/learning/path.h"

namespace carillon::relay::journal {

inline constexpr std::uint64_t kMagic = 0x4C4E'524A'4C52'4143;  // "CARLJRNL"
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kBlock = 256;
inline constexpr std::size_t kMaxText = 64 * 1024;
inline constexpr std::size_t kMaxPaths = 4;

enum class Kind : std::uint32_t {
    free = 0,
    head = 0x44414548,
    allocation = 0x434F4C41,
    reservation = 0x56534552,
    piece = 0x43454950,
    paths = 0x48544150,
    ssrcs = 0x43525353
};

/// CRC-32 (IEEE 802.3), continued from `crc`.
std::uint32_t crc32(Bytes bytes, std::uint32_t crc = 0);

/// A text in pieces. `check` is over the text, its length and the sequence number.
struct TextRef {
    std::uint32_t sequence;
    std::uint32_t first;
    std::uint32_t length;
    std::uint32_t check;
};
std::uint32_t check_of(const TextRef& ref, Bytes text);

struct FileHeader {
    std::uint64_t magic;
    std::uint32_t version;
    std::uint32_t block_size;
    std::array<char, 36> boot;  ///< of the machine: times below count from it
    std::uint32_t constants;    ///< check of all above
    std::int64_t beat;          ///< steady clock, nanoseconds: when the worker was last seen alive
    std::uint32_t attempts;     ///< how often its streams have been taken up without a life of some length after it
    std::uint32_t draining;
    std::array<TextRef, 2> identity;  ///< certificate and key of bridged legs
};
static_assert(sizeof(FileHeader) <= kBlock);

/// How far one leg's counters were at the last tick.
struct SavedCounters {
    std::uint64_t packets;
    std::uint64_t bytes;
    std::uint64_t stun;
    std::uint64_t expected;
    std::uint64_t lost;
    std::uint64_t late;
    std::uint64_t duplicates;
};

/// Where a program's stream towards an end stood at the last tick: its last packet.
struct SavedPoint {
    std::uint32_t ssrc;  ///< 0: there is none
    std::uint32_t timestamp;
    std::uint32_t at;  ///< steady clock, milliseconds: the lower bits
    std::uint16_t sequence;
    std::uint16_t check;  ///< it is written in place
};
std::uint16_t check_of(const SavedPoint& point);

struct Block {
    Kind kind;
    std::uint32_t next;  ///< of a chain; 0: the last
};

struct Head : Block {
    std::array<TextRef, 2> text;
    std::array<std::array<std::uint32_t, 2>, 2> paths;  ///< blocks, by leg and component; 0: none
    std::int64_t opened;                                ///< steady clock, nanoseconds
    std::int64_t expires;                               ///< 0: never
    std::array<SavedCounters, 2> counters;
    std::array<std::array<SavedPoint, 2>, 2> points;  ///< by leg: the sound, the pictures
};
static_assert(sizeof(Head) <= kBlock);

/// Of a TURN allocation or reservation, which is all text (turn_record.h).
struct TurnHead : Block {
    std::array<TextRef, 2> text;
};
static_assert(sizeof(TurnHead) <= kBlock);

inline constexpr std::size_t kPieceSize = kBlock - sizeof(Block);
struct Piece : Block {
    std::array<std::byte, kPieceSize> text;
};
static_assert(sizeof(Piece) == kBlock);

struct PackedPath {
    std::array<std::uint8_t, 16> ip;
    std::uint16_t port;
    std::uint8_t v6;
    std::uint8_t socket;
};
/// Where one component's endpoint is.
struct PathSet {
    std::uint8_t count = 0;
    std::uint8_t in_use = 0;
    std::uint8_t controlling = 0;  ///< bridged ICE: our role
    std::uint8_t confirmed = 0;    ///< bridged ICE: our nomination was answered
    std::array<PackedPath, kMaxPaths> paths{};
};
struct PathCopy {
    std::uint32_t sequence;
    std::uint32_t check;
    PathSet set;
};
struct Paths : Block {
    std::array<PathCopy, 2> copy;
};
static_assert(sizeof(Paths) <= kBlock);
std::uint32_t check_of(const PathCopy& copy);

/// Indices are packed as media/srtp/index_cell.h says, the SSRC with a check of its own beside it.
struct SsrcEntry {
    std::uint64_t ssrc;
    std::uint64_t rtp;
    std::uint64_t rtcp;
};
inline constexpr std::size_t kSsrcsInBlock = (kBlock - sizeof(Block)) / sizeof(SsrcEntry);
struct Ssrcs : Block {
    std::array<SsrcEntry, kSsrcsInBlock> entries;
};
static_assert(sizeof(Ssrcs) <= kBlock);

inline PackedPath pack(const Path& path) {
    return {path.address.ip, path.address.port, static_cast<std::uint8_t>(path.address.v6), path.socket};
}
inline Path unpack(const PackedPath& packed) {
    return {packed.socket, {.ip = packed.ip, .port = packed.port, .v6 = packed.v6 != 0}};
}

}  // namespace carillon::relay::journal
