/// Datagrams that found a socket's buffer full.
/// Spec: socket(7), SO_MEMINFO.
#pragma once
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <utility>

#include "relay/engine/stream.h"

namespace carillon::relay {

/// Since the port was asked last; 0 where the kernel does not tell.
inline std::uint32_t new_kernel_drops(Port& port) {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t length = sizeof memory;
    if (::getsockopt(port.fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) return 0;
    const auto drops = memory[SK_MEMINFO_DROPS];
    return drops - std::exchange(port.kernel_drops, drops);
}

}  // namespace carillon::relay
