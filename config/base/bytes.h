/// Bounds-checked reading and writing of network-order bytes: what every wire parser stands on.
/// Not here: text; STUN padding rules (stun/), RTP bit fields (media/rtp/).
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace carillon {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span{text.data(), text.size()}); }
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Reads big-endian integers from a span. Every read past the end answers nullopt and consumes nothing.
class ByteReader {
  public:
    explicit ByteReader(Bytes bytes) : rest_{bytes} {}

    std::optional<std::uint8_t> u8() { return integer<std::uint8_t>(1); }
    std::optional<std::uint16_t> u16() { return integer<std::uint16_t>(2); }
    std::optional<std::uint32_t> u24() { return integer<std::uint32_t>(3); }
    std::optional<std::uint32_t> u32() { return integer<std::uint32_t>(4); }
    std::optional<std::uint64_t> u64() { return integer<std::uint64_t>(8); }
    std::optional<Bytes> take(std::size_t count) {
        if (rest_.size() < count) return std::nullopt;
        const auto head = rest_.first(count);
        rest_ = rest_.subspan(count);
        return head;
    }
    bool skip(std::size_t count) { return take(count).has_value(); }
    bool empty() const { return rest_.empty(); }
    std::size_t size() const { return rest_.size(); }
    Bytes rest() const { return rest_; }

  private:
    template <std::unsigned_integral T>
    std::optional<T> integer(std::size_t width) {
        const auto raw = take(width);
        if (!raw) return std::nullopt;
        T value = 0;
        for (const auto byte : *raw) value = static_cast<T>((value << 8) | std::to_integer<T>(byte));
        return value;
    }

    Bytes rest_;
};

/// Appends big-endian integers to a growing buffer. For the packet path write into fixed buffers instead.
class ByteWriter {
  public:
    void u8(std::uint8_t value) { put(value, 1); }
    void u16(std::uint16_t value) { put(value, 2); }
    void u24(std::uint32_t value) { put(value, 3); }
    void u32(std::uint32_t value) { put(value, 4); }
    void u64(std::uint64_t value) { put(value, 8); }
    void bytes(Bytes value) { out_.insert(out_.end(), value.begin(), value.end()); }
    void zeros(std::size_t count) { out_.insert(out_.end(), count, std::byte{0}); }
    std::size_t size() const { return out_.size(); }
    Bytes view() const { return out_; }
    std::vector<std::byte> release() { return std::move(out_); }

  private:
    void put(std::uint64_t value, int width) {
        for (int shift = (width - 1) * 8; shift >= 0; shift -= 8)
            out_.push_back(static_cast<std::byte>(value >> shift));
    }
    std::vector<std::byte> out_;
};

inline std::uint16_t load_u16(const std::byte* at) {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(at[0]) << 8) | std::to_integer<unsigned>(at[1]));
}
inline std::uint32_t load_u32(const std::byte* at) { return (std::uint32_t{load_u16(at)} << 16) | load_u16(at + 2); }
inline void store_u16(std::byte* at, std::uint16_t value) {
    at[0] = static_cast<std::byte>(value >> 8);
    at[1] = static_cast<std::byte>(value);
}
inline void store_u32(std::byte* at, std::uint32_t value) {
    store_u16(at, static_cast<std::uint16_t>(value >> 16));
    store_u16(at + 2, static_cast<std::uint16_t>(value));
}

}  // namespace carillon
