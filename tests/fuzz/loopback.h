/// Sockets on loopback for fuzz targets of what has sockets. What is sent is there when send() returns.
#pragma once
#include <sys/socket.h>

#include <cstdlib>
#include <vector>

#include "relay/ports/port_allocator.h"

namespace carillon::fuzz {

using Packet = std::vector<std::byte>;

inline void require(bool holds) {
    if (!holds) std::abort();
}

/// On a free port of that address.
inline relay::UdpSocket bind_to(const char* ip, int receive_buffer = 0) {
    auto address = *relay::Address::parse(ip, 1);
    address.port = 0;
    auto made = relay::UdpSocket::bind(address, receive_buffer);
    require(made.has_value());
    return std::move(*made);
}

inline sockaddr_storage name_of(const relay::UdpSocket& socket) {
    sockaddr_storage out{};
    socklen_t length = sizeof out;
    ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&out), &length);
    return out;
}

/// Sends to `there` and hears it alone from now on.
inline void connect(const relay::UdpSocket& socket, const relay::UdpSocket& there) {
    const auto name = name_of(there);
    require(::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof(sockaddr_in)) == 0);
}

/// The next datagram that waits; empty: none.
inline Packet next_at(const relay::UdpSocket& socket) {
    Packet out(4096);
    const auto got = ::recv(socket.fd(), out.data(), out.size(), MSG_DONTWAIT);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
}

inline void drain(const relay::UdpSocket& socket) {
    while (!next_at(socket).empty()) continue;
}

}  // namespace carillon::fuzz
