/// One DTLS association that agrees on SRTP keys, over datagrams somebody else carries.
/// Spec: RFC 5764 (use_srtp, exporter), RFC 8122 §5 (fingerprints), RFC 6347 (DTLS 1.2).
/// Not here: sockets, ICE, demultiplexing (RFC 7983); application data over DTLS (no data channels).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/bytes.h"
#include "media/srtp/srtp_session.h"

namespace carillon::dtls {

/// The hash of a certificate, as signalled: "sha-256" and "AB:CD:...".
struct Fingerprint {
    std::string hash;
    std::string value;
};

/// A fresh self-signed ECDSA certificate with its key, and what its associations share. One a call, so that calls
/// cannot be linked by it, or one for many where the certificate says nothing new (a relay's). Associations may outlive
/// it. Owns: certificate, key and context. The constructor throws std::runtime_error when OpenSSL cannot make them.
class Identity {
  public:
    Identity();
    /// One that was stored().
    explicit Identity(Bytes stored);
    ~Identity();
    Identity(const Identity&) = delete;
    Identity& operator=(const Identity&) = delete;

    const Fingerprint& fingerprint() const { return fingerprint_; }
    /// Certificate and key, the latter as secret as it is.
    std::vector<std::byte> stored() const;

  private:
    friend class DtlsSrtp;
    struct Native;
    void complete();
    std::unique_ptr<Native> native_;
    Fingerprint fingerprint_;
};

enum class Role { client, server };  ///< setup:active is the client (RFC 5763 §5)

/// What the handshake yields: the two master keys with their salts.
struct SrtpKeys {
    srtp::Profile profile;
    std::vector<std::byte> local;
    std::vector<std::byte> remote;
};

/// Owns: the OpenSSL connection. Threading: one thread at a time; `send` is called from within receive(), start()
/// and on_timer().
class DtlsSrtp {
  public:
    enum class State { idle, handshaking, established, failed, closed };
    using Send = std::function<void(Bytes datagram)>;

    DtlsSrtp(const Identity& identity, Role role, Fingerprint remote, Send send);
    ~DtlsSrtp();
    DtlsSrtp(const DtlsSrtp&) = delete;
    DtlsSrtp& operator=(const DtlsSrtp&) = delete;

    void start();                  ///< the client's first flight; the server waits
    void receive(Bytes datagram);  ///< one datagram from the peer, first octet 20 to 63
    void on_timer();               ///< call every 20 ms or so: resends what got lost
    void close();                  ///< says close_notify
    State state() const { return state_; }
    const std::string& failure() const { return failure_; }  ///< why, once failed
    /// Once established; the peer's certificate has matched its fingerprint by then.
    const std::optional<SrtpKeys>& keys() const { return keys_; }

  private:
    struct Native;
    void proceed();
    void fail(std::string why);
    bool peer_matches() const;
    std::optional<SrtpKeys> export_keys() const;

    std::unique_ptr<Native> native_;
    Role role_;
    Fingerprint remote_;
    State state_ = State::idle;
    std::string failure_;
    std::optional<SrtpKeys> keys_;
};

}  // namespace carillon::dtls
