/// Plain UDP: one port for RTP, the next for RTCP, packets go where the peer's candidates say.
/// Spec: XEP-0177; RFC 3550 §11 (even and odd port).
/// Not here: NAT traversal (that is what the server's relay ports are for), encryption.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "media/phone/transport.h"

namespace carillon::phone {

/// Datagrams from anywhere but the signalled address are dropped: nobody else has a say in the call.
/// Owns: two sockets and the thread that reads them.
class RawUdpTransport final : public Transport {
  public:
    /// `bind_address` empty: the address this machine would use towards `towards` (the server).
    RawUdpTransport(Callbacks callbacks, std::string bind_address, std::string towards);
    ~RawUdpTransport() override;

    void start() override;
    TransportInfo take_local() override;
    void set_remote(const TransportInfo& remote) override;
    void restart() override {}
    bool send(std::uint8_t component, Bytes datagram) override;
    Path path() const override;
    bool muxes_rtcp() const override { return false; }

    std::uint64_t dropped() const { return dropped_; }  ///< datagrams from strangers

  private:
    struct Remote;
    void read(const std::stop_token& stop);
    void close_sockets();

    Callbacks callbacks_;
    std::string address_;
    std::array<int, 2> sockets_{-1, -1};
    int wake_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::unique_ptr<Remote> remote_;  // under mutex_
    std::atomic<std::uint64_t> dropped_ = 0;
    std::jthread thread_;
};

}  // namespace carillon::phone
