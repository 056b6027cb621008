/// One end of a benchmark call: a UDP socket on loopback and the relay port it talks to.
/// Spec: RFC 8656 §12.4 (ChannelData framing, for the ends that reach their relay over TURN).
/// Not here: what is sent (load.h); how a relay is asked for its ports (peer.h).
#pragma once
#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace carillon::bench {

inline constexpr std::size_t kChannelHeader = 4;

struct Sealing;

/// An IPv4 address on 127.0.0.1 with this port.
sockaddr_in loopback(std::uint16_t port);

/// Owns: its socket, non-blocking, with a receive buffer large enough that the generator itself does not drop.
class Endpoint {
  public:
    Endpoint();
    ~Endpoint();
    Endpoint(Endpoint&& other) noexcept;
    Endpoint& operator=(Endpoint&&) = delete;

    /// Fixes the remote address: from here on only packets from that relay port are received.
    void connect_to(const sockaddr_in& relay);
    /// Data is framed as ChannelData with this number from here on.
    void use_channel(std::uint16_t number) { channel_ = number; }

    /// What leaves is SRTP from here on, and what comes has to be.
    void seal_with(std::shared_ptr<Sealing> sealing) { sealing_ = std::move(sealing); }
    Sealing* sealing() const { return sealing_.get(); }

    /// Sends a request and waits for one answer, with retries; throws std::runtime_error when none comes.
    std::string ask(const std::string& request) const;

    /// Forgets what has come so far.
    void drain() const;

    int fd() const { return fd_; }
    std::uint16_t port() const { return port_; }
    std::uint16_t channel() const { return channel_; }
    /// Packets the kernel dropped at this socket because the generator did not read them in time.
    std::uint64_t dropped() const;

  private:
    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::uint16_t channel_ = 0;  // 0: no framing
    std::shared_ptr<Sealing> sealing_;
};

struct Call {
    Endpoint a;
    Endpoint b;
};

using Calls = std::vector<Call>;

}  // namespace carillon::bench
