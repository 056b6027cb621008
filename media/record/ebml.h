/// Elements of EBML, the form of Matroska files: an identifier, a size, a value.
/// Spec: RFC 8794 §4 (variable-size integers), §5 (identifiers), §6 (sizes; 6.2: of unknown size), §7 (values).
/// Not here: what the elements mean (matroska_writer.h).
#pragma once
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::record::ebml {

/// All sizes are written in eight octets where they may be corrected later, else in as few as will do.
inline constexpr std::uint64_t kUnknownSize = 0x01FF'FFFF'FFFF'FFFF;
inline constexpr std::uint64_t kSizeOfEight = 0x0100'0000'0000'0000;

/// An identifier stands in the file as the specification prints it.
inline void put_id(ByteWriter& out, std::uint32_t id) {
    if (id > 0xFF'FFFF) return out.u32(id);
    if (id > 0xFFFF) return out.u24(id);
    if (id > 0xFF) return out.u16(static_cast<std::uint16_t>(id));
    out.u8(static_cast<std::uint8_t>(id));
}
/// The shortest form; of all ones it would mean "unknown".
inline void put_size(ByteWriter& out, std::uint64_t size) {
    unsigned octets = 1;
    while (octets < 8 && size >= (std::uint64_t{1} << (7 * octets)) - 1) ++octets;
    const auto marked = size | std::uint64_t{1} << (7 * octets);
    for (unsigned i = octets; i-- > 0;) out.u8(static_cast<std::uint8_t>(marked >> (8 * i)));
}
inline void put(ByteWriter& out, std::uint32_t id, Bytes value) {
    put_id(out, id);
    put_size(out, value.size());
    out.bytes(value);
}
inline void put(ByteWriter& out, std::uint32_t id, std::string_view value) { put(out, id, as_bytes(value)); }
inline void put_unsigned(ByteWriter& out, std::uint32_t id, std::uint64_t value) {
    unsigned octets = 1;
    while (octets < 8 && value >> (8 * octets) != 0) ++octets;
    put_id(out, id);
    put_size(out, octets);
    for (unsigned i = octets; i-- > 0;) out.u8(static_cast<std::uint8_t>(value >> (8 * i)));
}
inline void put_float(ByteWriter& out, std::uint32_t id, double value) {
    put_id(out, id);
    put_size(out, 8);
    out.u64(std::bit_cast<std::uint64_t>(value));
}
/// `size` octets in all, 9 at least, that mean nothing.
inline void put_void(ByteWriter& out, std::size_t size) {
    out.u8(0xEC);
    out.u64(kSizeOfEight | (size - 9));
    out.zeros(size - 9);
}

}  // namespace carillon::record::ebml
