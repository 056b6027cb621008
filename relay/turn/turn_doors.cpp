#include "relay/turn/turn_doors.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace carillon::relay {

stun::TransportAddress TurnDoor::local() const {
    sockaddr_storage raw{};
    Address::parse(ip, port)->fill(raw);
    return to_stun(raw);
}

std::vector<TurnDoor> turn_doors(const TurnOptions& options, const std::vector<std::string>& bind, std::uint16_t port) {
    std::vector<TurnDoor> doors;
    for (const auto& ip : bind) {
        if (!Address::parse(ip, port)) throw std::runtime_error{"STUN: '" + ip + "' is not a numeric IP address"};
        doors.push_back({.ip = ip, .port = port});
        if (options.tls_port != 0 && options.tls_port != port) doors.push_back({.ip = ip, .port = options.tls_port});
    }
    if (options.alternate_address.empty() || options.alternate_port == 0) return doors;
    const auto second = Address::parse(options.alternate_address, port);
    if (!second) throw std::runtime_error{"STUN: '" + options.alternate_address + "' is not a numeric IP address"};
    // RFC 5780 §6: answers name their own address, so a wildcard is none.
    const auto first = std::ranges::find_if(doors, [&](const TurnDoor& door) {
        return door.port == port && Address::parse(door.ip, port)->v6 == second->v6 && door.ip != "0.0.0.0" &&
               door.ip != "::" && door.ip != options.alternate_address;
    });
    if (first == doors.end())
        throw std::runtime_error{"NAT discovery at " + options.alternate_address +
                                 " needs a first address of the same family to listen on that is no wildcard"};
    first->discovery = true;
    const auto ip = first->ip;
    for (const bool address : {false, true}) {
        for (const bool number : {false, true}) {
            if (!address && !number) continue;
            doors.push_back({.ip = address ? options.alternate_address : ip,
                             .port = number ? options.alternate_port : port,
                             .streams = false,
                             .discovery = true,
                             .alternate_address = address,
                             .alternate_port = number});
        }
    }
    return doors;
}

StreamSocket listen_for_turn(const TurnDoor& door, bool shared) {
    constexpr int kBacklog = 512;
    const auto at = door.local();
    StreamSocket made{::socket(at.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const int on = 1;
    if (at.v6) ::setsockopt(made.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) ::setsockopt(made.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_storage raw{};
    const auto length = fill(at, raw);
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&raw), length) != 0 || ::listen(made.fd(), kBacklog) != 0)
        throw std::runtime_error{"STUN over TCP cannot use " + door.ip + " port " + std::to_string(door.port) + ": " +
                                 std::strerror(errno) + "; choose another stun port, or stop the other server"};
    return made;
}

}  // namespace carillon::relay
