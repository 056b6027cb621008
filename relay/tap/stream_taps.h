/// A stream's mirrors: hands what passes to those that want it. A stream that nobody mirrors has none of these.
/// Spec: docs/capture.md.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "config/base/bytes.h"
#include "relay/tap/tap.h"

namespace carillon::relay {

/// Threading: the stream's shard. Allocates nothing when packets pass.
class StreamTaps {
  public:
    /// One of the stream's sockets; both legs may have the same one (engine/ice_port.h).
    struct Place {
        int fd = -1;
        std::uint8_t leg = 0;
        Address local;
    };

    /// `bridged`: opened() will be called for what arrives as SRTP.
    StreamTaps(std::vector<Place> places, bool bridged) : places_{std::move(places)}, bridged_{bridged} {}

    /// `index`: the stream's number in the tap's session.
    void add(std::shared_ptr<Tap> tap, std::uint8_t index) { taps_.push_back({std::move(tap), index}); }
    /// Whether none is left.
    bool remove(const Tap& tap);

    /// As it came in at the socket, before anything is decided.
    void arrived(std::uint8_t leg, int fd, Bytes datagram, const Address& from) noexcept;
    /// As it goes out of the socket.
    void leaves(std::uint8_t leg, int fd, Bytes datagram, const Address& to) noexcept;
    /// Bridged: what arrived, opened; and the same as it is about to be sealed for the other side.
    void opened(std::uint8_t leg, int fd, Bytes packet, bool rtcp, const Address& from) noexcept;
    void about_to_seal(std::uint8_t leg, int fd, Bytes packet, bool rtcp, const Address& to) noexcept;

  private:
    struct Entry {
        std::shared_ptr<Tap> tap;
        std::uint8_t stream = 0;
    };
    struct Socket {
        std::uint8_t leg;
        int fd;
    };
    void wire(Socket at, Bytes datagram, const Address& remote, bool incoming) noexcept;
    void clear(Socket at, Bytes packet, const Address& remote, bool incoming, bool rtcp) noexcept;
    TapHeader header(Socket at, Bytes data, const Address& remote, bool incoming) const noexcept;

    std::vector<Place> places_;
    std::vector<Entry> taps_;
    bool bridged_;
};

}  // namespace carillon::relay
