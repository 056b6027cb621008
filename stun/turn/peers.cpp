/// What concerns an allocation's peers: permissions, channels, data, connections.
/// Spec: RFC 8656 §10.2, §11.2 to §11.6, §12.2; RFC 6062 §5.2 to §5.4.
#include "stun/turn/server.h"

namespace carillon::stun::turn {
namespace {

std::unexpected<Refusal> no(unsigned code, std::string_view reason) { return std::unexpected{Refusal{code, reason}}; }
constexpr Refusal kForbidden{403, "Forbidden"};
constexpr Refusal kFamilyMismatch{443, "Peer Address Family Mismatch"};

TransactionId no_transaction() { return {}; }

}  // namespace

std::expected<TransportAddress, Refusal> Server::peer_of(const Request& request) const {
    const auto value = request.message.attribute(Attribute::xor_peer_address);
    const auto peer = value ? parse_xor_address(*value, request.message.transaction_id()) : std::nullopt;
    if (!peer) return std::unexpected{kBadRequest};
    return *peer;
}

std::optional<Refusal> Server::fault_in(const Allocation& allocation, const TransportAddress& peer) const {
    if (!allocation.relays(peer.v6)) return kFamilyMismatch;
    if (!policy_.admits(peer)) return kForbidden;
    return std::nullopt;
}

Server::Answer Server::create_permission(Request& request) {
    auto& allocation = *request.allocation;
    std::vector<TransportAddress> peers;
    std::optional<Refusal> fault;
    request.message.for_each(Attribute::xor_peer_address, [&](Bytes value) {
        const auto peer = parse_xor_address(value, request.message.transaction_id());
        if (!peer) {
            fault = kBadRequest;
        } else if (!allocation.relays(peer->v6)) {
            fault = kFamilyMismatch;
        } else if (!policy_.admits_host(*peer)) {
            fault = kForbidden;
        } else {
            peers.push_back(*peer);
        }
    });
    // §10.2: all or nothing.
    if (fault) return std::unexpected{*fault};
    if (peers.empty()) return std::unexpected{kBadRequest};
    for (const auto& peer : peers)
        if (!allocation.permit(peer, request.now.steady)) return no(508, "Insufficient Capacity");
    host_.changed(allocation);
    auto reply = success(request);
    return finish(request, reply);
}

Server::Answer Server::channel_bind(Request& request) {
    auto& allocation = *request.allocation;
    const auto number_value = request.message.attribute(Attribute::channel_number);
    const auto peer = peer_of(request);
    if (!peer || !number_value || number_value->size() != 4 || allocation.tcp) return std::unexpected{kBadRequest};
    const auto number = load_u16(number_value->data());
    if (number < kFirstChannel || number > kLastChannel) return std::unexpected{kBadRequest};
    if (const auto fault = fault_in(allocation, *peer)) return std::unexpected{*fault};
    allocation.forget_expired(request.now.steady);
    // §12.2: neither may be bound otherwise.
    auto* by_number = allocation.channel(number);
    auto* by_peer = allocation.channel_of(*peer);
    if (by_number != by_peer) return std::unexpected{kBadRequest};
    if (!by_number && allocation.channels.size() >= Allocation::kMaxChannels) return no(508, "Insufficient Capacity");
    if (!allocation.permit(*peer, request.now.steady)) return no(508, "Insufficient Capacity");
    if (by_number) {
        by_number->expires = request.now.steady + kChannelLifetime;
    } else {
        allocation.channels.push_back(
            {number, *peer, request.now.steady + kChannelLifetime, request.now.steady + kPermissionLifetime});
    }
    host_.changed(allocation);
    auto reply = success(request);
    return finish(request, reply);
}

Channel* Server::channel_for(Allocation& allocation, std::uint16_t number, SteadyTime now) {
    auto* channel = allocation.channel(number);
    return channel && channel->usable(now) ? channel : nullptr;
}

void Server::send_indication(const FiveTuple& tuple, const Message& message, Time now) {
    static constexpr std::array kKnown{Attribute::xor_peer_address, Attribute::data, Attribute::dont_fragment};
    auto* allocation = find(tuple);
    std::array<std::uint16_t, 1> unknown{};
    if (!allocation || allocation->tcp || message.unknown_required(kKnown, unknown) > 0) return;
    const auto to = message.attribute(Attribute::xor_peer_address);
    const auto data = message.attribute(Attribute::data);
    const auto peer = to ? parse_xor_address(*to, message.transaction_id()) : std::nullopt;
    if (!peer || !data || fault_in(*allocation, *peer) || !allocation->permits(*peer, now.steady)) return;
    host_.send(*allocation, *peer, *data, message.has(Attribute::dont_fragment));
}

Bytes Server::data_indication(const TransportAddress& peer, std::size_t size, std::span<std::byte> out) {
    Builder indication{out, Class::indication, Method::data, no_transaction()};
    indication.xor_address(Attribute::xor_peer_address, peer);
    const auto head = indication.finish();
    if (head.empty() || head.size() + 4 > out.size()) return {};
    store_u16(out.data() + head.size(), static_cast<std::uint16_t>(Attribute::data));
    store_u16(out.data() + head.size() + 2, static_cast<std::uint16_t>(size));
    const auto length = head.size() - kHeaderSize + 4 + ((size + 3) & ~std::size_t{3});
    store_u16(out.data() + 2, static_cast<std::uint16_t>(length));
    return {out.data(), head.size() + 4};
}

Bytes Server::icmp_indication(const TransportAddress& peer, std::uint8_t type, std::uint8_t code, std::uint32_t data,
                              std::span<std::byte> out) {
    // §18.13: | reserved | type (7 bits), code (9 bits) | error data |
    std::array<std::byte, 8> value{};
    store_u16(value.data() + 2, static_cast<std::uint16_t>((type << 9) | code));
    store_u32(value.data() + 4, data);
    Builder indication{out, Class::indication, Method::data, no_transaction()};
    return indication.xor_address(Attribute::xor_peer_address, peer).attribute(Attribute::icmp, value).finish();
}

Server::Answer Server::connect(Request& request) {
    auto& allocation = *request.allocation;
    const auto peer = peer_of(request);
    if (!peer || !allocation.tcp) return std::unexpected{kBadRequest};
    if (const auto fault = fault_in(allocation, *peer)) return std::unexpected{*fault};
    const Host::PendingConnect pending{.peer = *peer,
                                       .id = request.message.transaction_id(),
                                       .sha256 = request.proof.sha256,
                                       .fingerprint = request.message.has(Attribute::fingerprint)};
    if (const auto fault = host_.connect(allocation, pending)) return std::unexpected{*fault};
    return Bytes{};  // answered when it is known
}

Bytes Server::connected(const Allocation& allocation, const Host::PendingConnect& pending,
                        std::expected<std::uint32_t, Refusal> outcome, std::span<std::byte> out) {
    Builder reply{out, outcome ? Class::success : Class::error, Method::connect, pending.id};
    if (outcome) {
        reply.u32(Attribute::connection_id, *outcome);
    } else {
        reply.error(outcome.error().code, outcome.error().reason);
    }
    if (pending.sha256) {
        reply.integrity_sha256(allocation.owner.key);
    } else {
        reply.integrity(allocation.owner.key);
    }
    if (pending.fingerprint) reply.fingerprint();
    return reply.finish();
}

Bytes Server::connection_attempt(const TransportAddress& peer, std::uint32_t connection, std::span<std::byte> out) {
    Builder indication{out, Class::indication, Method::connection_attempt, no_transaction()};
    return indication.u32(Attribute::connection_id, connection).xor_address(Attribute::xor_peer_address, peer).finish();
}

Server::Answer Server::connection_bind(Request& request) {
    const auto id = request.message.attribute(Attribute::connection_id);
    if (!is_stream(request.tuple.transport) || request.allocation || !id || id->size() != 4)
        return std::unexpected{kBadRequest};
    auto reply = success(request);
    const auto bytes = finish(request, reply);
    // §5.4: none of that number, another user's, or bound already.
    if (!host_.bind_connection(request.tuple, load_u32(id->data()), request.proof.owner))
        return std::unexpected{kBadRequest};
    return bytes;
}

}  // namespace carillon::stun::turn
