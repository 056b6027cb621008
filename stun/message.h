/// STUN messages: reading without copying, integrity, and writing into a caller's buffer.
/// Spec: RFC 8489 §5 (header), §14 (attributes), RFC 8445 §16.1 (ICE attributes).
/// libnice's STUN library allocates nothing either, but copies and asks back by C callbacks; the relay looks at every
/// datagram, so it reads with this and the tests hold the two against each other.
/// Not here: what a message means to an ICE leg (relay/learning), the binding server (binding_server.h).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::stun {

inline constexpr std::uint32_t kMagicCookie = 0x2112A442;
inline constexpr std::size_t kHeaderSize = 20;

enum class Class : std::uint8_t { request, indication, success, error };
enum class Method : std::uint16_t {
    binding = 0x001,
    // RFC 8656 §17
    allocate = 0x003,
    refresh = 0x004,
    send = 0x006,
    data = 0x007,
    create_permission = 0x008,
    channel_bind = 0x009,
    // RFC 6062 §6.1
    connect = 0x00A,
    connection_bind = 0x00B,
    connection_attempt = 0x00C,
};

enum class Attribute : std::uint16_t {
    mapped_address = 0x0001,
    change_request = 0x0003,
    username = 0x0006,
    message_integrity = 0x0008,
    error_code = 0x0009,
    unknown_attributes = 0x000A,
    channel_number = 0x000C,
    lifetime = 0x000D,
    xor_peer_address = 0x0012,
    data = 0x0013,
    realm = 0x0014,
    nonce = 0x0015,
    xor_relayed_address = 0x0016,
    requested_address_family = 0x0017,
    even_port = 0x0018,
    requested_transport = 0x0019,
    dont_fragment = 0x001A,
    message_integrity_sha256 = 0x001C,
    password_algorithm = 0x001D,
    userhash = 0x001E,
    xor_mapped_address = 0x0020,
    reservation_token = 0x0022,
    priority = 0x0024,
    use_candidate = 0x0025,
    padding = 0x0026,
    response_port = 0x0027,
    connection_id = 0x002A,
    additional_address_family = 0x8000,
    address_error_code = 0x8001,
    password_algorithms = 0x8002,
    icmp = 0x8004,
    software = 0x8022,
    alternate_server = 0x8023,
    fingerprint = 0x8028,
    ice_controlled = 0x8029,
    ice_controlling = 0x802A,
    response_origin = 0x802B,
    other_address = 0x802C,
    mobility_ticket = 0x8030,
};

using TransactionId = std::array<std::byte, 12>;

/// Whether a datagram is STUN by its first bytes (RFC 7983 §7, RFC 8489 §6.3): cheap enough for every packet.
inline bool looks_like_stun(Bytes datagram) {
    return datagram.size() >= kHeaderSize && std::to_integer<unsigned>(datagram[0]) < 4 &&
           load_u32(datagram.data() + 4) == kMagicCookie;
}

/// A parsed message; a view of the bytes it was parsed from.
class Message {
  public:
    /// Checks header, length and that every attribute lies inside; nothing of their content.
    static Parsed<Message> parse(Bytes datagram);

    Class message_class() const { return class_; }
    std::uint16_t method() const { return method_; }
    bool is(Method method) const { return method_ == static_cast<std::uint16_t>(method); }
    bool is_binding() const { return method_ == static_cast<std::uint16_t>(Method::binding); }
    TransactionId transaction_id() const;
    /// The value of the first such attribute before MESSAGE-INTEGRITY (what comes after is not protected, §14.5).
    std::optional<Bytes> attribute(Attribute type) const;
    bool has(Attribute type) const { return attribute(type).has_value(); }
    /// Whether MESSAGE-INTEGRITY (HMAC-SHA1 with the short-term key) is there and right.
    bool integrity_matches(std::string_view key) const;
    /// The same with MESSAGE-INTEGRITY-SHA256, whole or truncated to at least 16 octets (§14.6).
    bool integrity_sha256_matches(std::string_view key) const;
    /// nullopt without FINGERPRINT.
    std::optional<bool> fingerprint_matches() const;
    /// Comprehension-required attributes that are not in `known`; fills `out` and answers how many (at most its size).
    std::size_t unknown_required(std::span<const Attribute> known, std::span<std::uint16_t> out) const;
    /// Calls `each(value)` for every such attribute that find() would consider.
    template <class Each>
    void for_each(Attribute type, Each each) const {
        for (std::size_t at = kHeaderSize; at + 4 <= bytes_.size();) {
            const auto found = static_cast<Attribute>(load_u16(bytes_.data() + at));
            const std::size_t length = load_u16(bytes_.data() + at + 2);
            if (found == Attribute::message_integrity || found == Attribute::message_integrity_sha256) return;
            if (found == type) each(bytes_.subspan(at + 4, length));
            at += 4 + ((length + 3) & ~std::size_t{3});
        }
    }
    Bytes bytes() const { return bytes_; }

  private:
    struct Found {
        std::size_t offset;  // of the attribute's header
        Bytes value;
    };
    std::optional<Found> find(Attribute type) const;

    Bytes bytes_;
    Class class_ = Class::request;
    std::uint16_t method_ = 0;
};

/// IP address and port as STUN writes them.
struct TransportAddress {
    std::array<std::byte, 16> ip{};  ///< network order; the first 4 octets when v4
    std::uint16_t port = 0;
    bool v6 = false;
    friend bool operator==(const TransportAddress&, const TransportAddress&) = default;
};

std::optional<TransportAddress> parse_xor_address(Bytes value, const TransactionId& id);

/// Writes one message into a fixed buffer. What does not fit makes finish() answer an empty span.
class Builder {
  public:
    Builder(std::span<std::byte> out, Class message_class, Method method, const TransactionId& id);
    Builder& attribute(Attribute type, Bytes value);
    Builder& text(Attribute type, std::string_view value) { return attribute(type, as_bytes(value)); }
    Builder& u32(Attribute type, std::uint32_t value);
    Builder& xor_address(Attribute type, const TransportAddress& address);
    Builder& error(unsigned code, std::string_view reason);
    /// MAPPED-ADDRESS's plain form (RFC 5780: OTHER-ADDRESS, RESPONSE-ORIGIN).
    Builder& address(Attribute type, const TransportAddress& address);
    Builder& integrity(std::string_view key);
    Builder& integrity_sha256(std::string_view key);
    Builder& fingerprint();
    Bytes finish();

  private:
    std::byte* room(Attribute type, std::size_t length);
    void set_length(std::size_t beyond_header);

    std::span<std::byte> out_;
    std::size_t size_ = kHeaderSize;
    bool failed_ = false;
};

}  // namespace carillon::stun
