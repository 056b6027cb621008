#include "stun/nat_discovery.h"

#include <algorithm>
#include <array>

namespace carillon::stun {
namespace {

constexpr std::uint32_t kChangeAddress = 4;
constexpr std::uint32_t kChangePort = 2;

constexpr std::array kKnown{Attribute::mapped_address,    Attribute::username,
                            Attribute::message_integrity, Attribute::message_integrity_sha256,
                            Attribute::priority,          Attribute::use_candidate,
                            Attribute::error_code,        Attribute::xor_mapped_address,
                            Attribute::change_request,    Attribute::padding,
                            Attribute::response_port};

DiscoveryAnswer error(const Message& request, unsigned code, std::string_view reason, std::span<std::byte> out,
                      std::span<const std::uint16_t> unknown = {}) {
    Builder reply{out, Class::error, Method::binding, request.transaction_id()};
    std::array<std::byte, 16> list{};
    for (std::size_t i = 0; i < unknown.size(); ++i) store_u16(list.data() + 2 * i, unknown[i]);
    reply.error(code, reason);
    if (!unknown.empty()) reply.attribute(Attribute::unknown_attributes, Bytes{list}.first(2 * unknown.size()));
    if (request.has(Attribute::fingerprint)) reply.fingerprint();
    return {.bytes = reply.finish()};
}

}  // namespace

DiscoveryAnswer answer_discovery(Bytes datagram, const TransportAddress& source, const DiscoveryPlace& place,
                                 std::span<std::byte> out) {
    const auto request = Message::parse(datagram);
    if (!request || !request->is_binding() || request->message_class() != Class::request) return {};
    const auto fingerprint = request->fingerprint_matches();
    if (fingerprint == false) return {};
    std::array<std::uint16_t, 8> unknown{};
    if (const auto count = request->unknown_required(kKnown, unknown))
        return error(*request, 420, "Unknown Attribute", out, std::span{unknown}.first(count));

    DiscoveryAnswer answer;
    const auto change = request->attribute(Attribute::change_request);
    if (change && (change->size() != 4 || !place.other)) {
        // §6.1: without a second address there is nothing to change to.
        constexpr std::array kChange{static_cast<std::uint16_t>(Attribute::change_request)};
        if (change->size() != 4) return error(*request, 400, "Bad Request", out);
        return error(*request, 420, "Unknown Attribute", out, kChange);
    }
    if (change) {
        const auto flags = load_u32(change->data());
        answer.change_address = (flags & kChangeAddress) != 0;
        answer.change_port = (flags & kChangePort) != 0;
    }
    const auto padding = request->attribute(Attribute::padding);
    if (const auto port = request->attribute(Attribute::response_port)) {
        // §7.5: the answer would be fragments to whoever is there.
        if (port->size() < 2 || padding) return error(*request, 400, "Bad Request", out);
        answer.port = load_u16(port->data());
    }
    Builder reply{out, Class::success, Method::binding, request->transaction_id()};
    reply.xor_address(Attribute::xor_mapped_address, source).address(Attribute::mapped_address, source);
    if (place.other) {
        reply.address(Attribute::response_origin, place.answered_from[answer.change_address][answer.change_port])
            .address(Attribute::other_address, *place.other);
    }
    // §7.6, but never longer than what was asked.
    if (padding) {
        constexpr std::size_t kOverhead = 64;
        static constexpr std::array<std::byte, 1500> kZeros{};
        const auto room = padding->size() > kOverhead ? padding->size() - kOverhead : 0;
        reply.attribute(Attribute::padding, Bytes{kZeros}.first(std::min(room, kZeros.size())));
    }
    if (fingerprint) reply.fingerprint();
    answer.bytes = reply.finish();
    return answer;
}

}  // namespace carillon::stun
