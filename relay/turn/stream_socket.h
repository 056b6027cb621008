/// A connected stream socket that never blocks, plain or under TLS as its server.
/// Spec: RFC 8489 §6.2.2 and §6.2.3 (STUN over TCP and TLS).
/// OpenSSL works on the descriptor itself and reads a record at a time, so what it has not read is still in the kernel
/// and epoll tells of it.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

#include "config/base/bytes.h"

struct ssl_st;

namespace carillon::relay {

class Certificates;

struct SslFree {
    void operator()(ssl_st* ssl) const;
};
using Ssl = std::unique_ptr<ssl_st, SslFree>;

/// Threading: one at a time.  Owns: the descriptor and the TLS state.
class StreamSocket {
  public:
    /// Enough for a whole TLS record: a read into less would leave octets where epoll does not see them.
    static constexpr std::size_t kReadSize = 64 * 1024;
    enum class Outcome { done, again, ended, failed };
    struct Io {
        Outcome outcome = Outcome::again;
        std::size_t size = 0;
    };

    StreamSocket() = default;
    explicit StreamSocket(int descriptor) : descriptor_{descriptor} {}
    StreamSocket(StreamSocket&& other) noexcept
        : descriptor_{std::exchange(other.descriptor_, -1)},
          certificates_{std::move(other.certificates_)},
          ssl_{std::move(other.ssl_)},
          shaken_{other.shaken_},
          wants_write_{other.wants_write_} {}
    StreamSocket& operator=(StreamSocket&& other) noexcept;
    ~StreamSocket();

    int fd() const { return descriptor_; }
    bool secure() const { return ssl_ != nullptr; }
    bool handshaking() const { return ssl_ && !shaken_; }
    /// Expects a ClientHello from now on; false when OpenSSL has no memory.
    bool begin_tls(std::shared_ptr<const Certificates> certificates);
    Outcome shake_hands();
    /// `into` holds kReadSize.
    Io read(std::span<std::byte> into);
    Io write(Bytes bytes);
    /// Tells the peer that nothing more comes: close_notify under TLS, and TCP's end.
    void finish();
    void close();
    /// TLS itself has something to write before it can go on.
    bool wants_write() const { return wants_write_; }

    /// The options that every stream of a TURN server has: no delay, dead peers found, little unsent in the kernel.
    static void prepare(int descriptor);

  private:
    Outcome outcome_of(int result);
    int descriptor_ = -1;
    std::shared_ptr<const Certificates> certificates_;  // SNI looks into them while hands are shaken
    Ssl ssl_;
    bool shaken_ = false;
    bool wants_write_ = false;
};

}  // namespace carillon::relay
