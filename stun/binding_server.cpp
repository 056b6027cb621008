#include "stun/binding_server.h"

#include <array>

namespace carillon::stun {

Bytes answer_binding(Bytes datagram, const TransportAddress& source, std::span<std::byte> out) {
    const auto request = Message::parse(datagram);
    if (!request || !request->is_binding() || request->message_class() != Class::request) return {};
    const auto fingerprint = request->fingerprint_matches();
    if (fingerprint == false) return {};

    // §6.3.1: attributes we must understand and do not. Credentials are known, and not asked for (§9).
    static constexpr std::array kKnown{Attribute::mapped_address,    Attribute::username,
                                       Attribute::message_integrity, Attribute::message_integrity_sha256,
                                       Attribute::priority,          Attribute::use_candidate,
                                       Attribute::error_code,        Attribute::xor_mapped_address};
    std::array<std::uint16_t, 8> unknown{};
    const auto count = request->unknown_required(kKnown, unknown);
    Builder reply{out, count > 0 ? Class::error : Class::success, Method::binding, request->transaction_id()};
    if (count > 0) {
        std::array<std::byte, 16> list{};
        for (std::size_t i = 0; i < count; ++i) store_u16(list.data() + 2 * i, unknown[i]);
        reply.error(420, "Unknown Attribute").attribute(Attribute::unknown_attributes, Bytes{list}.first(2 * count));
    } else {
        reply.xor_address(Attribute::xor_mapped_address, source);
    }
    if (fingerprint) reply.fingerprint();
    return reply.finish();
}

}  // namespace carillon::stun
