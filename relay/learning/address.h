/// An IP address and port, small and comparable: the key of all learning.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::relay {

struct Address {
    std::array<std::uint8_t, 16> ip{};  ///< network order; the first 4 octets when v4
    std::uint16_t port = 0;             ///< host order; 0: no address
    bool v6 = false;

    bool empty() const { return port == 0; }
    bool unspecified() const { return ip == std::array<std::uint8_t, 16>{}; }
    friend bool operator==(const Address&, const Address&) = default;

    static Address from(const sockaddr_storage& raw);
    /// Fills `out`; answers its length.
    socklen_t fill(sockaddr_storage& out) const;
    /// A numeric address (IPv4-mapped IPv6 becomes IPv4); nullopt when it is none or the port is 0.
    static std::optional<Address> parse(std::string_view ip, std::uint16_t port);
    std::string str() const;  ///< 192.0.2.1:5000, [2001:db8::1]:5000
};

}  // namespace carillon::relay
