/// One way to an endpoint: which of our sockets, and its address; or which of its connections to us.
#pragma once
#include <cstdint>

#include "relay/learning/address.h"

namespace carillon::relay {

struct Path {
    static constexpr std::uint8_t kFirstLink = 0x80;  ///< from here on `socket` is a connection's place (tcp_link.h)

    std::uint8_t socket = 0;  ///< index among the component's sockets (one for each bind address)
    Address address;
    bool empty() const { return address.empty(); }
    bool over_tcp() const { return socket >= kFirstLink; }
    friend bool operator==(const Path&, const Path&) = default;
};

}  // namespace carillon::relay
