/// Asking a relay for the ports of each call: one class a relay, all with the same outcome.
/// Not here: starting and stopping relays (compare.py).
#pragma once
#include <memory>
#include <span>
#include <string>

#include "tests/bench/relay_load/endpoint.h"
#include "tests/bench/relay_load/sealing.h"

namespace carillon::bench {

/// Opens calls through one relay. The relay keeps them until this object goes away.
class Peer {
  public:
    virtual ~Peer() = default;
    /// Gives both endpoints of the call their relay port; throws std::runtime_error when the relay refuses.
    virtual void open(Call& call) = 0;
    /// With up to so many requests under way, where the protocol can have more than one.
    virtual void open_all(std::span<Call> calls, unsigned together) {
        static_cast<void>(together);
        for (auto& call : calls) open(call);
    }
    /// Opens so many calls and closes them again.
    virtual void churn(unsigned) {}
};

/// A carillon-relay worker at its control socket.
std::unique_ptr<Peer> make_carillon_peer(const std::string& socket, Legs legs);
/// A forwarder that printed its port pairs into a file, one "portA portB" a line.
std::unique_ptr<Peer> make_ports_peer(const std::string& file);
/// rtpengine's NG protocol at a UDP port: offer and answer with one audio or video stream.
std::unique_ptr<Peer> make_rtpengine_peer(std::uint16_t ng_port, Legs legs);
/// A TURN server, with user and password "bench" if it asks for them: end A holds an allocation with a channel bound to
/// end B.
std::unique_ptr<Peer> make_turn_peer(std::uint16_t port);

}  // namespace carillon::bench
