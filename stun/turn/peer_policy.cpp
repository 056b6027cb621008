#include "stun/turn/peer_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "stun/turn/five_tuple.h"

namespace carillon::stun::turn {
namespace {

Prefix prefix(std::string_view text) { return *Prefix::parse(text); }

/// The IPv4 address at octet `at`, perhaps with all bits flipped.
TransportAddress embedded(const TransportAddress& address, std::size_t at, std::byte flip = std::byte{0}) {
    TransportAddress out{.port = address.port};
    for (std::size_t i = 0; i < 4; ++i) out.ip[i] = address.ip[at + i] ^ flip;
    return out;
}

bool in(std::span<const Prefix> list, const TransportAddress& peer) {
    return std::ranges::any_of(list, [&](const Prefix& one) { return one.contains(peer); });
}

bool holds(std::span<const TransportAddress> list, const TransportAddress& peer) {
    return std::ranges::any_of(list, [&](const TransportAddress& one) { return same_ip(one, peer); });
}

}  // namespace

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const std::string ip{text.substr(0, slash)};
    Prefix out;
    if (::inet_pton(AF_INET, ip.c_str(), out.base.ip.data()) != 1) {
        if (::inet_pton(AF_INET6, ip.c_str(), out.base.ip.data()) != 1) return std::nullopt;
        out.base.v6 = true;
    }
    const unsigned most = out.base.v6 ? 128 : 32;
    out.bits = most;
    if (slash == text.npos) return out;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, out.bits);
    if (error != std::errc{} || rest != end || out.bits > most) return std::nullopt;
    return out;
}

bool Prefix::contains(const TransportAddress& address) const {
    if (address.v6 != base.v6) return false;
    const std::size_t whole = bits / 8;
    if (!std::equal(base.ip.begin(), base.ip.begin() + static_cast<std::ptrdiff_t>(whole), address.ip.begin()))
        return false;
    if (bits % 8 == 0) return true;
    const auto mask = static_cast<std::byte>(0xFF00u >> (bits % 8));
    return (base.ip[whole] & mask) == (address.ip[whole] & mask);
}

TransportAddress canonical(const TransportAddress& address) {
    if (!address.v6) return address;
    static const auto kMapped = prefix("::ffff:0:0/96");
    static const auto kCompatible = prefix("::/96");
    static const auto kTranslated = prefix("::ffff:0:0:0/96");  // RFC 2765: SIIT
    static const auto kNat64 = prefix("64:ff9b::/96");          // RFC 6052
    static const auto k6to4 = prefix("2002::/16");              // RFC 3056
    static const auto kTeredo = prefix("2001::/32");            // RFC 4380: the client's address, flipped
    if (kMapped.contains(address) || kTranslated.contains(address) || kNat64.contains(address))
        return embedded(address, 12);
    if (kCompatible.contains(address)) {
        const bool special = std::all_of(address.ip.begin() + 12, address.ip.begin() + 15,
                                         [](std::byte b) { return b == std::byte{0}; });
        return special ? address : embedded(address, 12);  // :: and ::1 are themselves
    }
    if (k6to4.contains(address)) return embedded(address, 2);
    if (kTeredo.contains(address)) return embedded(address, 12, std::byte{0xFF});
    return address;
}

bool is_public(const TransportAddress& address) {
    static const std::vector kSpecial = [] {
        std::vector<Prefix> list;
        for (const auto* text :
             {"0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10",   "127.0.0.0/8",     "169.254.0.0/16",
              "172.16.0.0/12",  "192.0.0.0/24",   "192.0.2.0/24",    "192.31.196.0/24", "192.52.193.0/24",
              "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",   "198.51.100.0/24",
              "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
              "168.63.129.16",  // a cloud's host service, at a public address
              "::/8",           "64:ff9b::/96",   "64:ff9b:1::/48",  "100::/64",        "2001::/23",
              "2001:db8::/32",  "2002::/16",      "3fff::/20",       "5f00::/16",       "fc00::/7",
              "fe80::/10",      "fec0::/10",      "ff00::/8"})
            list.push_back(prefix(text));
        return list;
    }();
    return !in(kSpecial, address);
}

bool PeerPolicy::is_relay_port(const TransportAddress& peer) const {
    return peer.port >= settings_.first_port && peer.port <= settings_.last_port && holds(settings_.relayed, peer);
}

// A disguised address has to be allowed by name: there is no public way into IPv4 through a translator.
bool PeerPolicy::listed_or_public(const TransportAddress& peer) const {
    const auto meant = canonical(peer);
    if (in(settings_.denied, peer) || in(settings_.denied, meant)) return false;
    if (in(settings_.allowed, peer) || in(settings_.allowed, meant)) return true;
    return meant == peer && is_public(peer) && !holds(settings_.own, peer) && !holds(settings_.relayed, peer);
}

bool PeerPolicy::admits_host(const TransportAddress& peer) const {
    return is_relay_port(peer) || listed_or_public(peer);
}

bool PeerPolicy::admits(const TransportAddress& peer) const { return peer.port != 0 && admits_host(peer); }

}  // namespace carillon::stun::turn
