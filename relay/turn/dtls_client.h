/// A client under DTLS: its datagrams opened, messages to it sealed.
/// Spec: RFC 8489 §6.2.3, RFC 7350 (STUN and TURN over DTLS), RFC 6347 §4.2.
/// Not here: which datagrams are whose, cookies (dtls_door.h).
#pragma once
#include <sys/socket.h>

#include <memory>

#include "relay/turn/address_places.h"
#include "relay/turn/certificates.h"
#include "relay/turn/client_link.h"
#include "relay/turn/hello_fragment.h"
#include "relay/turn/stream_socket.h"

namespace carillon::relay {

/// What OpenSSL reads and writes: one datagram in, datagrams out by a listener's socket.
struct DatagramPipe {
    Bytes incoming;
    bool unread = false;
    int fd = -1;
    sockaddr_storage to{};
    socklen_t length = 0;
    std::uint8_t mark = 0;  ///< of what is written: DSCP and ECN
    CookieClient cookie;
};

/// An SSL with its pipe, before or after it belongs to somebody.
struct DtlsSession {
    std::shared_ptr<const Certificates> certificates;  // first: SNI looks into them
    std::unique_ptr<DatagramPipe> pipe;
    Ssl ssl;

    static DtlsSession make(std::shared_ptr<const Certificates> certificates);
    void aim(int fd, const sockaddr_storage& to, socklen_t length, const stun::TransportAddress& client);
    void give(Bytes datagram);
    /// Goes on as if it had asked this client for a cookie, which it will look at itself: for who sends its ClientHello
    /// in pieces. False: OpenSSL does not want to.
    bool expect_pieces(const HelloFragment& first);
};

/// Threading: its shard.
class DtlsClient final : public ClientLink {
  public:
    static constexpr std::size_t kMessageMost = 16 * 1024;  ///< a record's
    static constexpr std::chrono::seconds kOpening{15};
    static constexpr std::chrono::seconds kIdle{60};  ///< without an allocation

    DtlsClient(DtlsSession session, const stun::turn::FiveTuple& tuple, AddressPlaces::Place place, SteadyTime now);
    /// False: it is over.
    bool shake_hands();
    bool take(Bytes datagram, ClientEvents& events, std::span<std::byte> buffer, SteadyTime now);
    void tell(Bytes message) override;
    bool relay(Bytes header, Bytes payload, std::uint8_t mark) override;
    /// Sends lost parts of the handshake again; false: it is over.
    bool tick(SteadyTime now, bool has_allocation);
    bool shaken() const { return shaken_; }
    void say_goodbye();

  private:
    DtlsSession session_;
    AddressPlaces::Place place_;
    SteadyTime began_, heard_;
    bool shaken_ = false;
};

}  // namespace carillon::relay
