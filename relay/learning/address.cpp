#include "relay/learning/address.h"

#include <arpa/inet.h>

#include <algorithm>

namespace carillon::relay {

Address Address::from(const sockaddr_storage& raw) {
    Address address;
    if (raw.ss_family == AF_INET6) {
        const auto& in = reinterpret_cast<const sockaddr_in6&>(raw);
        address.v6 = true;
        std::memcpy(address.ip.data(), &in.sin6_addr, 16);
        address.port = ntohs(in.sin6_port);
    } else {
        const auto& in = reinterpret_cast<const sockaddr_in&>(raw);
        std::memcpy(address.ip.data(), &in.sin_addr, 4);
        address.port = ntohs(in.sin_port);
    }
    return address;
}

socklen_t Address::fill(sockaddr_storage& out) const {
    if (v6) {
        auto& in = reinterpret_cast<sockaddr_in6&>(out);
        in = {};
        in.sin6_family = AF_INET6;
        in.sin6_port = htons(port);
        std::memcpy(&in.sin6_addr, ip.data(), 16);
        return sizeof in;
    }
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.data(), 4);
    return sizeof in;
}

std::optional<Address> Address::parse(std::string_view ip, std::uint16_t port) {
    const std::string text{ip};
    Address address{.port = port};
    if (port == 0) return std::nullopt;
    if (inet_pton(AF_INET, text.c_str(), address.ip.data()) == 1) return address;
    if (inet_pton(AF_INET6, text.c_str(), address.ip.data()) != 1) return std::nullopt;
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (std::equal(kMapped.begin(), kMapped.end(), address.ip.begin())) {
        std::copy(address.ip.begin() + 12, address.ip.end(), address.ip.begin());
        std::fill(address.ip.begin() + 4, address.ip.end(), std::uint8_t{0});
        return address;
    }
    address.v6 = true;
    return address;
}

std::string Address::str() const {
    if (empty()) return {};
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(v6 ? AF_INET6 : AF_INET, ip.data(), text, sizeof text);
    return (v6 ? '[' + std::string{text} + ']' : std::string{text}) + ':' + std::to_string(port);
}

}  // namespace carillon::relay
