#include "relay/turn/turn_shared.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace carillon::relay {

namespace turn = stun::turn;
using stun::TransportAddress;

namespace {

std::string random_key() {
    std::string key(32, '\0');
    ::RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size()));
    return key;
}

std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    ::RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed);
    return seed;
}

TransportAddress parse(const std::string& ip) {
    const auto address = turn::Prefix::parse(ip);
    if (!address) throw std::runtime_error{"TURN: '" + ip + "' is not a numeric IP address"};
    return address->base;
}

std::vector<turn::Prefix> prefixes(const std::vector<std::string>& texts) {
    std::vector<turn::Prefix> out;
    for (const auto& text : texts) {
        const auto prefix = turn::Prefix::parse(text);
        if (!prefix) throw std::runtime_error{"TURN: '" + text + "' is no address or prefix, such as 10.0.0.0/8"};
        out.push_back(*prefix);
    }
    return out;
}

bool wildcard(const TransportAddress& address) {
    return std::ranges::all_of(address.ip, [](std::byte octet) { return octet == std::byte{0}; });
}

std::vector<TransportAddress> interface_addresses() {
    std::vector<TransportAddress> out;
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) return out;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{raw, &::freeifaddrs};
    for (const auto* entry = list.get(); entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr) continue;
        const auto family = entry->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) continue;
        sockaddr_storage address{};
        std::memcpy(&address, entry->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        out.push_back(to_stun(address));
    }
    return out;
}

}  // namespace

TransportAddress to_stun(const sockaddr_storage& raw) {
    TransportAddress out;
    if (raw.ss_family == AF_INET6) {
        const auto& in = reinterpret_cast<const sockaddr_in6&>(raw);
        out.v6 = true;
        std::memcpy(out.ip.data(), &in.sin6_addr, 16);
        out.port = ntohs(in.sin6_port);
    } else {
        const auto& in = reinterpret_cast<const sockaddr_in&>(raw);
        std::memcpy(out.ip.data(), &in.sin_addr, 4);
        out.port = ntohs(in.sin_port);
    }
    return out;
}

socklen_t fill(const TransportAddress& address, sockaddr_storage& out) {
    if (address.v6) {
        auto& in = reinterpret_cast<sockaddr_in6&>(out);
        in = {};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(address.port);
        std::memcpy(&in.sin6_addr, address.ip.data(), 16);
        return sizeof in;
    }
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.ip.data(), 4);
    return sizeof in;
}

std::vector<TurnShared::Place> TurnShared::places(const PortOptions& ports, const std::vector<std::string>& advertise) {
    const auto local = interface_addresses();
    const auto is_local = [&](const TransportAddress& address) {
        return std::ranges::any_of(local, [&](const auto& one) { return turn::same_ip(one, address); });
    };
    std::vector<Place> out;
    for (std::size_t i = 0; i < ports.bind.size(); ++i) {
        const auto bound = parse(ports.bind[i]);
        const bool own = i >= advertise.size() || advertise[i].empty();
        Place place{.bound = bound, .told = own ? bound : parse(advertise[i]), .reach = bound};
        if (wildcard(bound)) place.reach = is_local(place.told) ? place.told : parse(bound.v6 ? "::1" : "127.0.0.1");
        place.mapped = !turn::same_ip(place.told, place.reach);
        out.push_back(place);
    }
    return out;
}

turn::PeerPolicy TurnShared::make_policy(const TurnOptions& options, const PortOptions& ports,
                                         const std::vector<Place>& places) {
    turn::PeerPolicy::Settings settings{.allowed = prefixes(options.allow),
                                        .denied = prefixes(options.deny),
                                        .own = interface_addresses(),
                                        .relayed = {},
                                        .first_port = options.peer_port_first ? options.peer_port_first : ports.first,
                                        .last_port = options.peer_port_last ? options.peer_port_last : ports.last};
    for (const auto& place : places) settings.relayed.push_back(place.told);
    return turn::PeerPolicy{std::move(settings)};
}

TurnShared::TurnShared(TurnOptions given, PortAllocator& ports, std::vector<std::string> advertise)
    : places_for_clients{given.connections_per_address, given.connections, random_seed()},
      options{std::move(given)},
      credentials{{options.realm, options.secrets, options.users}},
      nonces{random_key(), options.secrets.empty()},
      policy{make_policy(options, ports.options(), places(ports.options(), advertise))},
      // However small the range, one user never has more than a quarter of it.
      users{std::clamp<std::size_t>((ports.options().last - ports.options().first + 1u) / 4, 1,
                                    std::max<std::size_t>(options.allocations_per_user, 1)),
            options.octets_per_second_per_user},
      ports_{ports},
      places_{places(ports.options(), advertise)} {
    if (const auto loaded = load_certificates(); !loaded) throw std::runtime_error{"TURN: " + loaded.error()};
}

std::expected<void, std::string> TurnShared::load_certificates() {
    if (options.certificates_file.empty()) return {};
    const auto files = Certificates::list(options.certificates_file);
    if (!files) return std::unexpected{files.error()};
    auto loaded = Certificates::load(*files);
    if (!loaded) return std::unexpected{loaded.error()};
    certificates.store(std::move(*loaded));
    return {};
}

std::optional<TurnShared::Taken> TurnShared::take(const turn::RelayRequest& request, SteadyTime now) {
    if (request.reservation) {
        const std::lock_guard lock{mutex_};
        const auto found = reserved_.find(*request.reservation);
        if (found == reserved_.end() || now >= found->second.expires) return std::nullopt;
        Taken taken{.port = std::move(found->second.port), .reservation = std::nullopt};
        reserved_.erase(found);
        return taken;
    }
    auto bound = ports_.allocate(request.even);
    if (bound.empty()) return std::nullopt;
    Taken taken{.port = std::move(bound[0]), .reservation = std::nullopt};
    if (bound.size() < 2) return taken;
    const std::lock_guard lock{mutex_};
    if (!request.reserve_next || reserved_.size() >= kMaxReserved) {
        const auto next = bound[1].port;
        bound.clear();  // closed before the port is free again
        ports_.release(next);
        if (!request.reserve_next) return taken;
        const auto port = taken.port.port;
        taken.port.sockets.clear();
        ports_.release(port);
        return std::nullopt;
    }
    taken.reservation.emplace();
    ::RAND_bytes(reinterpret_cast<unsigned char*>(taken.reservation->data()), 8);
    // RFC 8656 §7.2: kept for at least 30 seconds.
    reserve(*taken.reservation, std::move(bound[1]), now + std::chrono::seconds{30});
    return taken;
}

void TurnShared::reserve(const turn::ReservationToken& token, BoundPort port, SteadyTime expires) {
    auto record = journal ? journal::TurnRecord::make(*journal, {token, port.port, expires}) : nullptr;
    reserved_[token] = {std::move(port), expires, std::move(record)};
}

void TurnShared::inherit(const journal::LeftReservation& left, BoundPort port) {
    const std::lock_guard lock{mutex_};
    reserve(left.token, std::move(port), left.expires);
}

void TurnShared::forget_reservations(SteadyTime now) {
    const std::lock_guard lock{mutex_};
    for (auto at = reserved_.begin(); at != reserved_.end();) {
        if (now < at->second.expires) {
            ++at;
            continue;
        }
        const auto port = at->second.port.port;
        at = reserved_.erase(at);
        ports_.release(port);
    }
}

std::optional<std::size_t> TurnShared::place(bool v6) const {
    for (std::size_t i = 0; i < places_.size(); ++i)
        if (places_[i].told.v6 == v6) return i;
    return std::nullopt;
}

TransportAddress TurnShared::advertised(std::size_t place, std::uint16_t port) const {
    auto out = places_[place].told;
    out.port = port;
    return out;
}

TransportAddress TurnShared::outward(const TransportAddress& peer) const {
    for (const auto& place : places_) {
        if (!place.mapped || !turn::same_ip(place.told, peer)) continue;
        auto out = place.reach;
        out.port = peer.port;
        return out;
    }
    return peer;
}

TransportAddress TurnShared::inward(const TransportAddress& source) const {
    for (const auto& place : places_) {
        if (!place.mapped || !turn::same_ip(place.reach, source)) continue;
        auto out = place.told;
        out.port = source.port;
        if (policy.admits(out)) return out;
    }
    return source;
}

}  // namespace carillon::relay
