/// Hands out UDP ports, bound on every configured address, in random order.
/// Spec: RFC 3550 §11 (RTP on an even port, RTCP on the next); RFC 6056 (random ports are hard to guess).
#pragma once
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "relay/learning/address.h"

namespace carillon::relay {

/// A bound, non-blocking UDP socket. Owns the descriptor, unless it is borrowed.
class UdpSocket {
  public:
    UdpSocket() = default;
    explicit UdpSocket(int descriptor) : descriptor_{descriptor} {}
    UdpSocket(UdpSocket&& other) noexcept
        : descriptor_{std::exchange(other.descriptor_, -1)}, borrowed_{other.borrowed_} {}
    UdpSocket& operator=(UdpSocket&& other) noexcept;
    ~UdpSocket();
    int fd() const { return descriptor_; }
    /// Somebody else's, who keeps it for longer than this object is there.
    static UdpSocket borrow(int descriptor) {
        UdpSocket made{descriptor};
        made.borrowed_ = true;
        return made;
    }
    /// errno on failure. `reuse`: other sockets may share the port (the binding server's).
    static std::expected<UdpSocket, int> bind(const Address& local, int receive_buffer = 0, bool reuse = false);

  private:
    void close();
    int descriptor_ = -1;
    bool borrowed_ = false;
};

struct PortOptions {
    std::uint16_t first = 30000;
    std::uint16_t last = 39999;
    std::vector<std::string> bind{"127.0.0.1"};  ///< numeric; one socket on each for every port
    int receive_buffer = 0;                      ///< octets; 0: the kernel's default
};

/// One port on all bind addresses: sockets in the order of PortOptions::bind.
struct BoundPort {
    std::uint16_t port = 0;
    std::vector<UdpSocket> sockets;
    bool shared = false;  ///< with other streams (engine/ice_port.h): the sockets are borrowed
};

/// Threading: any; locks, so not on the packet path.
class PortAllocator {
  public:
    explicit PortAllocator(PortOptions options);

    /// One port, or with `rtcp` an even one and the next. Empty: none is free (ports that other programs hold are
    /// passed over).
    std::vector<BoundPort> allocate(bool rtcp);
    /// That very port, as a predecessor had it; nullopt when it is taken or outside of the range.
    std::optional<BoundPort> claim(std::uint16_t port);
    void release(std::uint16_t port);
    std::size_t free() const {
        const std::lock_guard lock{mutex_};
        return free_;
    }
    const PortOptions& options() const { return options_; }

  private:
    std::expected<BoundPort, int> bind(std::uint16_t port) const;
    bool taken(std::uint16_t port) const { return taken_[port - options_.first]; }
    void take(std::uint16_t port);

    PortOptions options_;
    mutable std::mutex mutex_;
    std::vector<bool> taken_;
    std::size_t free_;
    std::mt19937 random_{std::random_device{}()};
};

}  // namespace carillon::relay
