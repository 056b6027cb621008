/// One way to an endpoint: which of our sockets, and its address.
#pragma once
#include <cstdint>

#include "relay/learning/address.h"

namespace carillon::relay {

struct Path {
    std::uint8_t socket = 0;  ///< index among the component's sockets (one for each bind address)
    Address address;
    bool empty() const { return address.empty(); }
    friend bool operator==(const Path&, const Path&) = default;
};

}  // namespace carillon::relay
