/// Allocate and Refresh.
/// Spec: RFC 8656 §7.2, §8.2 (steps as numbered there), RFC 6062 §5.1, RFC 8016 §3.
#include <openssl/rand.h>

#include "stun/turn/server.h"

namespace carillon::stun::turn {
namespace {

constexpr unsigned kUdp = 17;
constexpr unsigned kTcp = 6;
constexpr unsigned kIpv4 = 1;
constexpr unsigned kIpv6 = 2;

std::unexpected<Refusal> no(unsigned code, std::string_view reason) { return std::unexpected{Refusal{code, reason}}; }

std::optional<unsigned> first_octet(const Message& message, Attribute type, std::size_t size) {
    const auto value = message.attribute(type);
    if (!value || value->size() != size) return std::nullopt;
    return std::to_integer<unsigned>((*value)[0]);
}

}  // namespace

std::string Server::new_ticket() const {
    std::string ticket(16, '\0');
    ::RAND_bytes(reinterpret_cast<unsigned char*>(ticket.data()), static_cast<int>(ticket.size()));
    ticket.front() = static_cast<char>(settings_.place);
    return ticket;
}

std::chrono::seconds Server::lifetime(const Request& request) const {
    const auto value = request.message.attribute(Attribute::lifetime);
    if (!value || value->size() != 4) return settings_.default_lifetime;
    const std::chrono::seconds asked{load_u32(value->data())};
    return std::clamp(asked, settings_.default_lifetime, settings_.max_lifetime);
}

std::expected<RelayRequest, Refusal> Server::wanted_relay(const Request& request) const {
    const auto& message = request.message;
    RelayRequest wanted;
    // Step 3: REQUESTED-TRANSPORT.
    const auto protocol = first_octet(message, Attribute::requested_transport, 4);
    if (!protocol) return std::unexpected{kBadRequest};
    wanted.tcp = *protocol == kTcp;
    if (*protocol != kUdp && !(wanted.tcp && settings_.tcp_relay && is_stream(request.tuple.transport)))
        return no(442, "Unsupported Transport Protocol");

    const auto family = message.attribute(Attribute::requested_address_family);
    const auto more = message.attribute(Attribute::additional_address_family);
    const auto even = message.attribute(Attribute::even_port);
    const auto token = message.attribute(Attribute::reservation_token);
    // RFC 6062 §5.1: nothing of UDP's ports.
    if (wanted.tcp && (even || token || message.has(Attribute::dont_fragment))) return std::unexpected{kBadRequest};
    // Step 5: a reservation brings its address with it.
    if (token) {
        if (even || family || more || token->size() != 8) return std::unexpected{kBadRequest};
        wanted.reservation.emplace();
        std::ranges::copy(*token, wanted.reservation->begin());
    }
    // Steps 6 and 7: address families.
    if (family && more) return std::unexpected{kBadRequest};
    if (family) {
        const auto number = first_octet(message, Attribute::requested_address_family, 4);
        if (!number) return std::unexpected{kBadRequest};
        if (*number != kIpv4 && *number != kIpv6) return no(440, "Address Family not Supported");
        wanted.v4 = *number == kIpv4;
        wanted.v6 = *number == kIpv6;
    }
    if (more) {
        if (first_octet(message, Attribute::additional_address_family, 4) != kIpv6) return std::unexpected{kBadRequest};
        wanted.v6 = wanted.v6_optional = true;
    }
    // Step 8: EVEN-PORT, with R a reservation of the next.
    if (even) {
        const auto bits = first_octet(message, Attribute::even_port, 1);
        if (!bits) return std::unexpected{kBadRequest};
        wanted.even = true;
        wanted.reserve_next = (*bits & 0x80) != 0;
        if (wanted.reserve_next && more) return std::unexpected{kBadRequest};
    }
    return wanted;
}

Server::Answer Server::allocate(Request& request) {
    // Step 2: one allocation a five-tuple; but a request may come twice.
    if (const auto* known = request.allocation) {
        if (known->made_by == request.message.transaction_id() &&
            known->owner.user_name == request.proof.owner.user_name)
            return allocated(request, *known);
        return no(437, "Allocation Mismatch");
    }
    const auto wanted = wanted_relay(request);
    if (!wanted) return std::unexpected{wanted.error()};
    return allocate_new(request, *wanted);
}

Server::Answer Server::allocate_new(Request& request, const RelayRequest& wanted) {
    if (draining_ || allocations_.size() >= settings_.max_allocations) return no(508, "Insufficient Capacity");
    // Step 9: the quota is the user's, whatever time-limited name it comes under.
    auto user = users_.take(request.proof.owner.quota_name);
    if (!user) return no(486, "Allocation Quota Reached");
    auto opened = host_.open(wanted);
    if (!opened) return std::unexpected{opened.error()};

    auto made = std::make_unique<Allocation>();
    made->tuple = request.tuple;
    made->owner = request.proof.owner;
    made->user = std::move(user);
    made->made_by = request.message.transaction_id();
    made->tcp = wanted.tcp;
    made->relayed_v4 = opened->v4;
    made->relayed_v6 = opened->v6;
    made->v6_refused = wanted.v6_optional && !opened->v6;
    made->reservation = opened->reservation;
    made->expires = request.now.steady + lifetime(request);
    made->relay = std::move(opened->relay);
    if (settings_.mobility && !wanted.tcp && request.message.has(Attribute::mobility_ticket))
        made->ticket = new_ticket();

    auto& allocation = *(allocations_[request.tuple] = std::move(made));
    if (!allocation.ticket.empty()) tickets_[allocation.ticket] = &allocation;
    host_.installed(allocation);
    return allocated(request, allocation);
}

Bytes Server::allocated(const Request& request, const Allocation& allocation) const {
    auto reply = success(request);
    if (allocation.relayed_v4) reply.xor_address(Attribute::xor_relayed_address, *allocation.relayed_v4);
    if (allocation.relayed_v6) reply.xor_address(Attribute::xor_relayed_address, *allocation.relayed_v6);
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(allocation.expires - request.now.steady);
    reply.u32(Attribute::lifetime, static_cast<std::uint32_t>(left.count()));
    if (allocation.reservation) reply.attribute(Attribute::reservation_token, *allocation.reservation);
    reply.xor_address(Attribute::xor_mapped_address, request.tuple.client);
    if (allocation.v6_refused) {
        // RFC 8656 §18.12: family, and why not.
        constexpr std::array<std::byte, 4> kWhy{std::byte{kIpv6}, std::byte{0}, std::byte{4}, std::byte{40}};
        reply.attribute(Attribute::address_error_code, kWhy);
    }
    if (!allocation.ticket.empty()) reply.text(Attribute::mobility_ticket, allocation.ticket);
    return finish(request, reply);
}

Server::Answer Server::refresh(Request& request) {
    auto& allocation = *request.allocation;
    if (const auto family = request.message.attribute(Attribute::requested_address_family)) {
        if (family->size() != 4) return std::unexpected{kBadRequest};
        const auto number = std::to_integer<unsigned>((*family)[0]);
        if ((number != kIpv4 && number != kIpv6) || !allocation.relays(number == kIpv6))
            return no(443, "Peer Address Family Mismatch");
    }
    // RFC 8016 §3.2.2: a ticket on the five-tuple it belongs to changes nothing.
    const auto asked = request.message.attribute(Attribute::lifetime);
    const bool last = asked && asked->size() == 4 && load_u32(asked->data()) == 0;
    const auto granted = last ? std::chrono::seconds{0} : lifetime(request);
    auto reply = success(request);
    reply.u32(Attribute::lifetime, static_cast<std::uint32_t>(granted.count()));
    if (!last && !allocation.ticket.empty() && request.message.has(Attribute::mobility_ticket))
        reply.text(Attribute::mobility_ticket, allocation.ticket);
    const auto bytes = finish(request, reply);
    if (last) {
        erase(allocation);
    } else {
        allocation.expires = request.now.steady + granted;
        host_.changed(allocation);
    }
    return bytes;
}

// RFC 8016 §3.2.2: who brings the ticket and the same credentials from another address takes the allocation along.
Server::Answer Server::move_here(Request& request, std::string_view ticket) {
    const auto found = tickets_.find(std::string{ticket});
    if (found == tickets_.end()) return no(437, "Allocation Mismatch");
    auto& allocation = *found->second;
    if (request.proof.owner.user_name != allocation.owner.user_name) return no(441, "Wrong Credentials");
    if (allocation.tcp) return std::unexpected{kBadRequest};  // its connections are the old place's
    const auto before = allocation.tuple;
    auto moved = extract(allocation);
    tickets_.erase(found);
    allocation.tuple = request.tuple;
    allocation.ticket = new_ticket();
    allocations_[request.tuple] = std::move(moved);
    tickets_[allocation.ticket] = &allocation;
    request.allocation = &allocation;
    host_.moved(allocation, before);
    return refresh(request);
}

}  // namespace carillon::stun::turn
