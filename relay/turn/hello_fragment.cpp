#include "relay/turn/hello_fragment.h"

#include <algorithm>

namespace carillon::relay {
namespace {

constexpr std::size_t kRecordHeader = 13;
constexpr std::size_t kMessageHeader = 12;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMaxSession = 32;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kHelloVerifyRequest = 3;
constexpr std::uint16_t kDtls10 = 0xFEFF;  // §4.2.1: in this message whatever will be agreed on

void put_short(ByteWriter& out, Bytes value) {
    out.u8(static_cast<std::uint8_t>(value.size()));
    out.bytes(value);
}

/// One handshake message, whole, in one record of epoch 0.
Bytes write(std::span<std::byte> into, std::uint8_t type, Bytes record_number, Bytes body) {
    ByteWriter out;
    out.u8(kHandshake), out.u16(kDtls10), out.u16(0), out.bytes(record_number);
    out.u16(static_cast<std::uint16_t>(kMessageHeader + body.size()));
    const auto size = static_cast<std::uint32_t>(body.size());
    out.u8(type), out.u24(size), out.u16(0), out.u24(0), out.u24(size);
    out.bytes(body);
    const auto message = out.release();
    if (message.size() > into.size()) return {};
    std::ranges::copy(message, into.begin());
    return Bytes{into}.first(message.size());
}

}  // namespace

std::optional<HelloFragment> HelloFragment::parse(Bytes datagram) {
    ByteReader record{datagram};
    const auto type = record.u8();
    const auto record_version = record.u16();
    const auto epoch = record.u16();
    const auto number = record.take(6);
    const auto record_size = record.u16();
    if (!record_size || *type != kHandshake || *record_version >> 8 != 0xFE || *epoch != 0) return std::nullopt;
    const auto message = record.take(*record_size);
    if (!message) return std::nullopt;
    ByteReader body{*message};
    const auto message_type = body.u8();
    const auto whole = body.u24();
    const auto sequence = body.u16();
    const auto offset = body.u24();
    const auto piece = body.u24();
    if (!piece || *message_type != kClientHello || *offset != 0 || *piece >= *whole || *piece != body.size())
        return std::nullopt;
    const auto version = body.u16();
    const auto random = body.take(kRandom);
    const auto session_size = body.u8();
    if (!session_size || *session_size > kMaxSession) return std::nullopt;
    const auto session = body.take(*session_size);
    const auto cookie_size = body.u8();
    if (!session || !cookie_size) return std::nullopt;
    const auto cookie = body.take(*cookie_size);
    if (!cookie) return std::nullopt;
    return HelloFragment{.record_number = *number,
                         .message_sequence = *sequence,
                         .version = *version,
                         .random = *random,
                         .session = *session,
                         .cookie = *cookie};
}

Bytes HelloFragment::verify_request(Bytes with_cookie, std::span<std::byte, kMost> out) const {
    ByteWriter body;
    body.u16(kDtls10), put_short(body, with_cookie);
    return write(out, kHelloVerifyRequest, record_number, body.release());
}

Bytes HelloFragment::first_hello(std::span<std::byte, kMost> out) const {
    ByteWriter body;
    body.u16(version), body.bytes(random), put_short(body, session), put_short(body, {});
    body.u16(2), body.u16(0xC02B);  // one cipher suite: nothing is chosen by it
    body.u8(1), body.u8(0);         // no compression
    constexpr std::array<std::byte, 6> kFirst{};
    return write(out, kClientHello, kFirst, body.release());
}

}  // namespace carillon::relay
