#include "stun/turn/server.h"

namespace carillon::stun::turn {
namespace {

constexpr std::array kKnown{Attribute::mapped_address,
                            Attribute::username,
                            Attribute::message_integrity,
                            Attribute::error_code,
                            Attribute::unknown_attributes,
                            Attribute::channel_number,
                            Attribute::lifetime,
                            Attribute::xor_peer_address,
                            Attribute::data,
                            Attribute::realm,
                            Attribute::nonce,
                            Attribute::xor_relayed_address,
                            Attribute::requested_address_family,
                            Attribute::even_port,
                            Attribute::requested_transport,
                            Attribute::dont_fragment,
                            Attribute::message_integrity_sha256,
                            Attribute::password_algorithm,
                            Attribute::userhash,
                            Attribute::xor_mapped_address,
                            Attribute::reservation_token,
                            Attribute::connection_id};

}  // namespace

Server::Server(ServerSettings settings, const Credentials& credentials, const Nonces& nonces, const PeerPolicy& policy,
               Users& users, Host& host)
    : settings_{settings}, credentials_{credentials}, nonces_{nonces}, policy_{policy}, users_{users}, host_{host} {}

Allocation* Server::find(const FiveTuple& tuple) {
    const auto found = allocations_.find(tuple);
    return found == allocations_.end() ? nullptr : found->second.get();
}

Bytes Server::on_message(const FiveTuple& tuple, Bytes bytes, Time now, std::span<std::byte> out) {
    const auto message = Message::parse(bytes);
    if (!message || message->fingerprint_matches() == false) return {};
    if (message->message_class() == Class::indication) {
        if (message->is(Method::send)) send_indication(tuple, *message, now);
        return {};
    }
    if (message->message_class() != Class::request) return {};
    Request request{
        .tuple = tuple, .message = *message, .now = now, .out = out, .allocation = find(tuple), .proof = {}};
    return answer(request);
}

Bytes Server::answer(Request& request) {
    // RFC 8489 §6.3: who asks comes before what is asked.
    const auto* about = request.allocation ? request.allocation : named_by_ticket(request.message);
    auto proof = authenticate(request.message, request.tuple.client, credentials_, nonces_,
                              about ? &about->owner : nullptr, request.now.wall);
    if (!proof) return refuse(request, proof.error());
    request.proof = std::move(*proof);
    std::array<std::uint16_t, 8> unknown{};
    if (const auto count = request.message.unknown_required(kKnown, unknown))
        return refuse(request, {420, "Unknown Attribute"}, std::span{unknown}.first(count));
    const auto answer = handle(request);
    return answer ? *answer : refuse(request, answer.error());
}

const Allocation* Server::named_by_ticket(const Message& message) const {
    const auto ticket = message.is(Method::refresh) ? message.attribute(Attribute::mobility_ticket) : std::nullopt;
    const auto found = ticket ? tickets_.find(std::string{as_text(*ticket)}) : tickets_.end();
    return found == tickets_.end() ? nullptr : found->second;
}

Server::Answer Server::handle(Request& request) {
    const bool mobile = request.message.is(Method::refresh) && request.message.has(Attribute::mobility_ticket);
    if (request.message.is(Method::allocate)) return allocate(request);
    if (request.message.is(Method::connection_bind)) return connection_bind(request);
    if (!request.allocation && mobile && settings_.mobility)
        return move_here(request, as_text(*request.message.attribute(Attribute::mobility_ticket)));
    if (!request.allocation) return std::unexpected{Refusal{437, "Allocation Mismatch"}};
    // RFC 8656 §5: whoever made the allocation, and nobody else.
    if (request.proof.owner.user_name != request.allocation->owner.user_name)
        return std::unexpected{Refusal{441, "Wrong Credentials"}};
    if (request.message.is(Method::refresh)) return refresh(request);
    if (request.message.is(Method::create_permission)) return create_permission(request);
    if (request.message.is(Method::channel_bind)) return channel_bind(request);
    if (request.message.is(Method::connect)) return connect(request);
    return std::unexpected{kBadRequest};
}

Builder Server::success(const Request& request) const {
    return {request.out, Class::success, static_cast<Method>(request.message.method()),
            request.message.transaction_id()};
}

Bytes Server::finish(const Request& request, Builder& reply) const {
    if (request.proof.sha256) {
        reply.integrity_sha256(request.proof.owner.key);
    } else if (!request.proof.owner.key.empty()) {
        reply.integrity(request.proof.owner.key);
    }
    if (request.message.has(Attribute::fingerprint)) reply.fingerprint();
    return reply.finish();
}

Bytes Server::refuse(Request& request, const Refusal& refusal, std::span<const std::uint16_t> unknown) {
    ++(refusal.challenge ? unauthorized : refused);
    Builder reply{request.out, Class::error, static_cast<Method>(request.message.method()),
                  request.message.transaction_id()};
    reply.error(refusal.code, refusal.reason);
    if (refusal.challenge) add_challenge(reply, credentials_, nonces_, request.tuple.client, request.now.wall);
    std::array<std::byte, 16> list{};
    for (std::size_t i = 0; i < unknown.size(); ++i) store_u16(list.data() + 2 * i, unknown[i]);
    if (!unknown.empty()) reply.attribute(Attribute::unknown_attributes, Bytes{list}.first(2 * unknown.size()));
    const auto bytes = finish(request, reply);
    const bool stranger = request.proof.owner.key.empty() && request.tuple.transport == Transport::udp;
    if (!stranger ||
        budget_.admit(request.tuple.client, request.message.bytes().size(), bytes.size(), request.now.steady))
        return bytes;
    ++unanswered;
    return {};
}

void Server::erase(Allocation& allocation) {
    host_.ended(allocation);
    if (!allocation.ticket.empty()) tickets_.erase(allocation.ticket);
    extract(allocation);
}

std::unique_ptr<Allocation> Server::extract(Allocation& allocation) {
    if (const auto found = away_.find(allocation.ticket); found != away_.end()) {
        auto out = std::move(found->second);
        away_.erase(found);
        return out;
    }
    auto node = allocations_.extract(FiveTuple{allocation.tuple});
    return std::move(node.mapped());
}

void Server::end(const FiveTuple& tuple, SteadyTime now) {
    auto* allocation = find(tuple);
    if (!allocation) return;
    if (allocation->ticket.empty()) return erase(*allocation);
    auto kept = extract(*allocation);
    kept->expires = std::min(kept->expires, now + kAway);
    host_.detached(*kept);
    away_[kept->ticket] = std::move(kept);
}

std::optional<std::uint8_t> Server::elsewhere(const FiveTuple& tuple, const Message& message) const {
    if (!settings_.mobility || message.message_class() != Class::request || !message.is(Method::refresh)) return {};
    const auto ticket = message.attribute(Attribute::mobility_ticket);
    if (!ticket || ticket->empty() || allocations_.contains(tuple)) return {};
    const auto place = std::to_integer<std::uint8_t>(ticket->front());
    // One that has arrived here keeps its ticket until the Refresh that brought it is answered.
    if (place == settings_.place || tickets_.contains(std::string{as_text(*ticket)})) return {};
    return place;
}

std::unique_ptr<Allocation> Server::take_out(const FiveTuple& client, Bytes refresh, Time now) {
    const auto message = Message::parse(refresh);
    const auto ticket = message ? message->attribute(Attribute::mobility_ticket) : std::nullopt;
    const auto found = ticket ? tickets_.find(std::string{as_text(*ticket)}) : tickets_.end();
    if (found == tickets_.end()) return nullptr;
    auto& allocation = *found->second;
    const auto proof = authenticate(*message, client.client, credentials_, nonces_, &allocation.owner, now.wall);
    if (!proof || proof->owner.user_name != allocation.owner.user_name) return nullptr;
    tickets_.erase(found);
    auto out = extract(allocation);
    host_.leaves(*out);
    return out;
}

void Server::take_in(std::unique_ptr<Allocation> allocation) {
    auto& ticket = allocation->ticket;
    tickets_[ticket] = allocation.get();
    host_.arrived(*allocation);
    away_[ticket] = std::move(allocation);
}

bool Server::restore(std::unique_ptr<Allocation> made) {
    if (made->tuple.transport != Transport::udp) return restore_away(std::move(made));
    if (allocations_.contains(made->tuple)) return false;
    auto& allocation = *(allocations_[FiveTuple{made->tuple}] = std::move(made));
    if (!allocation.ticket.empty()) tickets_[allocation.ticket] = &allocation;
    host_.installed(allocation);
    return true;
}

/// The client's connection is gone with the server that was here before: its ticket brings it back.
bool Server::restore_away(std::unique_ptr<Allocation> made) {
    const auto ticket = made->ticket;
    if (ticket.empty() || made->tcp || tickets_.contains(ticket)) return false;
    auto& allocation = *(away_[ticket] = std::move(made));
    tickets_[ticket] = &allocation;
    host_.installed(allocation);
    host_.detached(allocation);
    return true;
}

void Server::tick(SteadyTime now) {
    std::vector<Allocation*> over;
    for (auto& [tuple, allocation] : allocations_)
        if (now >= allocation->expires) over.push_back(allocation.get());
    for (auto& [ticket, allocation] : away_)
        if (now >= allocation->expires) over.push_back(allocation.get());
    for (auto* allocation : over) erase(*allocation);
}

}  // namespace carillon::stun::turn
