/// One connection of an endpoint: nobody's until its first packet, which must be a check that a leg's password signs.
/// Spec: RFC 6544 §5, §7; RFC 4571 §2; RFC 7675 §5.1.
/// Not here: whose it is (ice_tcp_port.h), what its packets mean (engine/stream.h).
#pragma once
#include <array>

#include "relay/engine/stream.h"
#include "relay/icetcp/frame_queue.h"
#include "relay/turn/address_places.h"
#include "relay/turn/stream_socket.h"
#include "relay/turn/turn_port.h"

namespace carillon::relay {

class IceTcpPort;

/// Threading: its shard.  Owns: the socket. Once it is somebody's, a packet allocates nothing.
class IceTcpConnection final : public TurnPort, public TcpLink {
  public:
    static constexpr std::size_t kFrameMost = 2048;      ///< octets of a packet, as over UDP
    static constexpr std::size_t kFirstMost = 1024;      ///< of the first one
    static constexpr std::chrono::seconds kOpening{5};   ///< until it is somebody's
    static constexpr std::chrono::seconds kStalled{20};  ///< taking nothing of what waits
    static constexpr std::chrono::seconds kSilent{60};   ///< saying nothing
    static constexpr std::chrono::seconds kConsent{30};  ///< without a check, of who used to send them

    /// What admits it: a place among all, and one among those that have shown nothing yet.
    struct Places {
        AddressPlaces::Place all;
        AddressPlaces::Place waiting;
    };
    IceTcpConnection(IceTcpPort& at, StreamSocket connected, const Address& remote, Places places, SteadyTime now);
    ~IceTcpConnection() override = default;

    void ready(std::uint32_t events, SteadyTime now) override;
    bool send(Bytes datagram) override;
    const Port& place() const override { return place_; }
    SteadyTime heard() const override { return heard_; }
    void close() override;

    void write_now();
    bool closed() const { return fd < 0; }
    bool bound() const { return place_.stream != nullptr; }
    SteadyTime since() const { return began_; }
    const Address& remote() const { return remote_; }
    /// It is that leg's from now on; `part`: of which component.
    void bind(Stream& home, std::size_t side, std::size_t part);
    /// A check that counts has come.
    void checked(SteadyTime now);
    /// Past a deadline.
    bool overdue(SteadyTime now) const;

    bool dirty = false;  ///< among those that the port writes to at the end of the round

  private:
    void read(SteadyTime now);
    bool take_frames(Bytes input, SteadyTime now);
    void watch_writing(bool on);

    IceTcpPort& at_;
    StreamSocket socket_;
    Address remote_;
    Places places_;
    Port place_;
    std::array<std::byte, icetcp::kHeader + kFrameMost> held_;  // the beginning of a frame
    std::size_t held_size_ = 0;
    icetcp::FrameQueue out_;
    bool writing_ = false;  // more waits than the kernel takes
    SteadyTime began_, heard_;
    SteadyTime progress_{};  // when it last took some of that
    SteadyTime last_check_{};
    unsigned spaced_checks_ = 0;  // more than a second after the one before: RFC 7675's
};

}  // namespace carillon::relay
