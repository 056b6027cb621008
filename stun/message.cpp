#include "stun/message.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace carillon::stun {
namespace {

constexpr std::size_t kIntegritySize = 20;
constexpr std::size_t kSha256Size = 32;
constexpr std::uint32_t kFingerprintXor = 0x5354554E;

constexpr std::size_t padded(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

constexpr auto kCrcTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
        table[i] = value;
    }
    return table;
}();

std::uint32_t crc32(Bytes bytes) {
    std::uint32_t value = 0xFFFFFFFF;
    for (const auto byte : bytes)
        value = kCrcTable[(value ^ std::to_integer<std::uint32_t>(byte)) & 0xFF] ^ (value >> 8);
    return value ^ 0xFFFFFFFF;
}

/// §14.5, §14.6: over the message up to the attribute, with the header's length as if it ended right after it.
/// Answers the size of the MAC in `mac`; 0 when the message is longer than any that is authenticated here.
std::size_t integrity_of(Bytes before, std::string_view key, const EVP_MD* hash, std::size_t size,
                         std::span<std::byte, EVP_MAX_MD_SIZE> mac) {
    // The message fits a datagram, so one stack copy is cheaper than a streaming HMAC context.
    std::array<std::byte, 2048> copy;
    if (before.size() > copy.size()) return 0;
    std::ranges::copy(before, copy.begin());
    store_u16(copy.data() + 2, static_cast<std::uint16_t>(before.size() + 4 + size - kHeaderSize));
    unsigned length = 0;
    const auto* made =
        HMAC(hash, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(copy.data()),
             before.size(), reinterpret_cast<unsigned char*>(mac.data()), &length);
    return made ? length : 0;
}

std::uint32_t fingerprint_of(Bytes before) { return crc32(before) ^ kFingerprintXor; }

}  // namespace

Parsed<Message> Message::parse(Bytes datagram) {
    //  0                   1                   2                   3
    //  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    // |0 0|   type: method and class  |        length after the header |
    // |                         magic cookie                          |
    // |                   transaction id (96 bits)                    |
    if (datagram.size() < kHeaderSize) return std::unexpected{Errc::truncated};
    if (!looks_like_stun(datagram)) return std::unexpected{Errc::bad_magic};
    const std::uint16_t type = load_u16(datagram.data());
    const std::size_t length = load_u16(datagram.data() + 2);
    if (length % 4 != 0) return std::unexpected{Errc::bad_length};
    if (length > datagram.size() - kHeaderSize) return std::unexpected{Errc::truncated};
    if (length < datagram.size() - kHeaderSize) return std::unexpected{Errc::trailing_bytes};
    for (std::size_t at = kHeaderSize; at < datagram.size();) {
        const std::size_t value = load_u16(datagram.data() + at + 2);
        if (padded(value) > datagram.size() - at - 4) return std::unexpected{Errc::bad_length};
        at += 4 + padded(value);
    }
    Message message;
    message.bytes_ = datagram;
    message.class_ = static_cast<Class>(((type & 0x0100) >> 7) | ((type & 0x0010) >> 4));
    message.method_ = static_cast<std::uint16_t>(((type & 0x3E00) >> 2) | ((type & 0x00E0) >> 1) | (type & 0x000F));
    return message;
}

TransactionId Message::transaction_id() const {
    TransactionId id;
    std::ranges::copy(bytes_.subspan(8, 12), id.begin());
    return id;
}

std::optional<Message::Found> Message::find(Attribute type) const {
    bool protected_part = true;
    for (std::size_t at = kHeaderSize; at + 4 <= bytes_.size();) {
        const auto found = static_cast<Attribute>(load_u16(bytes_.data() + at));
        const std::size_t length = load_u16(bytes_.data() + at + 2);
        const bool trailer = found == Attribute::fingerprint || found == Attribute::message_integrity_sha256;
        if (found == type && (protected_part || trailer)) return Found{at, bytes_.subspan(at + 4, length)};
        if (found == Attribute::message_integrity || found == Attribute::message_integrity_sha256)
            protected_part = false;
        at += 4 + padded(length);
    }
    return std::nullopt;
}

std::optional<Bytes> Message::attribute(Attribute type) const {
    const auto found = find(type);
    if (!found) return std::nullopt;
    return found->value;
}

bool Message::integrity_matches(std::string_view key) const {
    const auto found = find(Attribute::message_integrity);
    if (!found || found->value.size() != kIntegritySize) return false;
    std::array<std::byte, EVP_MAX_MD_SIZE> expected;
    return integrity_of(bytes_.first(found->offset), key, EVP_sha1(), kIntegritySize, expected) == kIntegritySize &&
           CRYPTO_memcmp(expected.data(), found->value.data(), kIntegritySize) == 0;
}

bool Message::integrity_sha256_matches(std::string_view key) const {
    const auto found = find(Attribute::message_integrity_sha256);
    if (!found) return false;
    const auto size = found->value.size();
    if (size < 16 || size > kSha256Size || size % 4 != 0) return false;
    std::array<std::byte, EVP_MAX_MD_SIZE> expected;
    return integrity_of(bytes_.first(found->offset), key, EVP_sha256(), size, expected) == kSha256Size &&
           CRYPTO_memcmp(expected.data(), found->value.data(), size) == 0;
}

std::optional<bool> Message::fingerprint_matches() const {
    const auto found = find(Attribute::fingerprint);
    if (!found) return std::nullopt;
    // §14.7: the last attribute, over all before it.
    if (found->value.size() != 4 || found->offset + 8 != bytes_.size()) return false;
    return load_u32(found->value.data()) == fingerprint_of(bytes_.first(found->offset));
}

std::size_t Message::unknown_required(std::span<const Attribute> known, std::span<std::uint16_t> out) const {
    std::size_t count = 0;
    for (std::size_t at = kHeaderSize; at + 4 <= bytes_.size() && count < out.size();) {
        const std::uint16_t type = load_u16(bytes_.data() + at);
        if (type < 0x8000 && std::ranges::find(known, static_cast<Attribute>(type)) == known.end()) out[count++] = type;
        at += 4 + padded(load_u16(bytes_.data() + at + 2));
    }
    return count;
}

std::optional<TransportAddress> parse_xor_address(Bytes value, const TransactionId& id) {
    if (value.size() != 8 && value.size() != 20) return std::nullopt;
    const auto family = std::to_integer<unsigned>(value[1]);
    if (family != (value.size() == 8 ? 1u : 2u)) return std::nullopt;
    TransportAddress address{.v6 = family == 2};
    address.port = static_cast<std::uint16_t>(load_u16(value.data() + 2) ^ (kMagicCookie >> 16));
    std::array<std::byte, 16> mask;
    store_u32(mask.data(), kMagicCookie);
    std::ranges::copy(id, mask.begin() + 4);
    for (std::size_t i = 0; i + 4 < value.size(); ++i) address.ip[i] = value[i + 4] ^ mask[i];
    return address;
}

Builder::Builder(std::span<std::byte> out, Class message_class, Method method, const TransactionId& id) : out_{out} {
    if (out.size() < kHeaderSize) {
        failed_ = true;
        return;
    }
    const auto m = static_cast<unsigned>(method);
    const auto c = static_cast<unsigned>(message_class);
    const unsigned type = ((m & 0xF80) << 2) | ((m & 0x70) << 1) | (m & 0xF) | ((c & 2) << 7) | ((c & 1) << 4);
    store_u16(out.data(), static_cast<std::uint16_t>(type));
    store_u32(out.data() + 4, kMagicCookie);
    std::ranges::copy(id, out.begin() + 8);
    set_length(0);
}

void Builder::set_length(std::size_t beyond_header) {
    store_u16(out_.data() + 2, static_cast<std::uint16_t>(beyond_header));
}

std::byte* Builder::room(Attribute type, std::size_t length) {
    if (failed_ || size_ + 4 + padded(length) > out_.size()) {
        failed_ = true;
        return nullptr;
    }
    std::byte* at = out_.data() + size_;
    store_u16(at, static_cast<std::uint16_t>(type));
    store_u16(at + 2, static_cast<std::uint16_t>(length));
    std::fill_n(at + 4, padded(length), std::byte{0});
    size_ += 4 + padded(length);
    set_length(size_ - kHeaderSize);
    return at + 4;
}

Builder& Builder::attribute(Attribute type, Bytes value) {
    if (auto* at = room(type, value.size())) std::ranges::copy(value, at);
    return *this;
}

Builder& Builder::u32(Attribute type, std::uint32_t value) {
    if (auto* at = room(type, 4)) store_u32(at, value);
    return *this;
}

Builder& Builder::xor_address(Attribute type, const TransportAddress& address) {
    const std::size_t length = address.v6 ? 16 : 4;
    auto* at = room(type, 4 + length);
    if (!at) return *this;
    at[1] = address.v6 ? std::byte{2} : std::byte{1};
    store_u16(at + 2, static_cast<std::uint16_t>(address.port ^ (kMagicCookie >> 16)));
    // §14.2: cookie and transaction id stand one after the other in the header, as the mask wants them.
    for (std::size_t i = 0; i < length; ++i) at[4 + i] = address.ip[i] ^ out_[4 + i];
    return *this;
}

Builder& Builder::error(unsigned code, std::string_view reason) {
    if (auto* at = room(Attribute::error_code, 4 + reason.size())) {
        at[2] = static_cast<std::byte>(code / 100);
        at[3] = static_cast<std::byte>(code % 100);
        std::ranges::copy(as_bytes(reason), at + 4);
    }
    return *this;
}

Builder& Builder::address(Attribute type, const TransportAddress& address) {
    const std::size_t length = address.v6 ? 16 : 4;
    auto* at = room(type, 4 + length);
    if (!at) return *this;
    at[1] = address.v6 ? std::byte{2} : std::byte{1};
    store_u16(at + 2, address.port);
    std::copy_n(address.ip.begin(), length, at + 4);
    return *this;
}

Builder& Builder::integrity(std::string_view key) {
    if (failed_) return *this;
    std::array<std::byte, EVP_MAX_MD_SIZE> mac;
    failed_ = integrity_of({out_.data(), size_}, key, EVP_sha1(), kIntegritySize, mac) != kIntegritySize;
    return attribute(Attribute::message_integrity, Bytes{mac}.first(kIntegritySize));
}

Builder& Builder::integrity_sha256(std::string_view key) {
    if (failed_) return *this;
    std::array<std::byte, EVP_MAX_MD_SIZE> mac;
    failed_ = integrity_of({out_.data(), size_}, key, EVP_sha256(), kSha256Size, mac) != kSha256Size;
    return attribute(Attribute::message_integrity_sha256, Bytes{mac}.first(kSha256Size));
}

Builder& Builder::fingerprint() {
    if (failed_) return *this;
    const std::size_t before = size_;
    auto* at = room(Attribute::fingerprint, 4);
    if (at) store_u32(at, fingerprint_of({out_.data(), before}));
    return *this;
}

Bytes Builder::finish() { return failed_ ? Bytes{} : Bytes{out_.data(), size_}; }

}  // namespace carillon::stun
