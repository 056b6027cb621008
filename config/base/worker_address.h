/// Where a relay worker takes orders: the path of a Unix socket, or "tls://host:port" of another machine.
/// Spec: docs/relay-control.md.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon {

struct WorkerAddress {
    std::string path;        ///< of the socket; empty: elsewhere
    std::string host;        ///< a name or a numeric address, IPv6 without brackets
    std::uint16_t port = 0;  ///< 1..65535 with a host

    bool remote() const { return path.empty(); }
    friend bool operator==(const WorkerAddress&, const WorkerAddress&) = default;
};

/// Nullopt: says "tls://" but no host and port, or is empty.
std::optional<WorkerAddress> parse_worker_address(std::string_view text);

/// What operators know the worker by: its socket's name without folder and ".sock", or its host and port.
std::string worker_name(std::string_view address);

}  // namespace carillon
