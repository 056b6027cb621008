#include "relay/turn/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "relay/turn/certificates.h"

namespace carillon::relay {

void SslFree::operator()(ssl_st* ssl) const { ::SSL_free(ssl); }

StreamSocket::~StreamSocket() { close(); }

StreamSocket& StreamSocket::operator=(StreamSocket&& other) noexcept {
    if (this == &other) return *this;
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
    certificates_ = std::move(other.certificates_);
    ssl_ = std::move(other.ssl_);
    shaken_ = other.shaken_;
    wants_write_ = other.wants_write_;
    return *this;
}

void StreamSocket::close() {
    ssl_.reset();
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void StreamSocket::prepare(int descriptor) {
    const int on = 1;
    const int idle = 30;
    const int interval = 10;
    const int patience = 60'000;  // ms that sent octets may go unacknowledged
    const int unsent = 32 * 1024;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

bool StreamSocket::begin_tls(std::shared_ptr<const Certificates> certificates) {
    certificates_ = std::move(certificates);
    ssl_.reset(::SSL_new(&certificates_->tls()));
    if (!ssl_ || ::SSL_set_fd(ssl_.get(), descriptor_) != 1) return false;
    ::SSL_set_accept_state(ssl_.get());
    return true;
}

StreamSocket::Outcome StreamSocket::outcome_of(int result) {
    wants_write_ = false;
    const int error = ::SSL_get_error(ssl_.get(), result);
    ::ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ) return Outcome::again;
    if (error == SSL_ERROR_WANT_WRITE) {
        wants_write_ = true;
        return Outcome::again;
    }
    return error == SSL_ERROR_ZERO_RETURN ? Outcome::ended : Outcome::failed;
}

StreamSocket::Outcome StreamSocket::shake_hands() {
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result != 1) return outcome_of(result);
    shaken_ = true;
    wants_write_ = false;
    certificates_.reset();
    return Outcome::done;
}

StreamSocket::Io StreamSocket::read(std::span<std::byte> into) {
    if (ssl_) {
        std::size_t got = 0;
        const int result = ::SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
        if (result == 1) return {Outcome::done, got};
        return {outcome_of(result), 0};
    }
    const auto got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) return {Outcome::done, static_cast<std::size_t>(got)};
    if (got == 0) return {Outcome::ended, 0};
    return {errno == EAGAIN || errno == EINTR ? Outcome::again : Outcome::failed, 0};
}

StreamSocket::Io StreamSocket::write(Bytes bytes) {
    if (bytes.empty()) return {Outcome::done, 0};
    if (ssl_) {
        std::size_t put = 0;
        const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &put);
        if (result == 1) return {Outcome::done, put};
        return {outcome_of(result), 0};
    }
    const auto put = ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) return {Outcome::done, static_cast<std::size_t>(put)};
    return {errno == EAGAIN || errno == EINTR ? Outcome::again : Outcome::failed, 0};
}

void StreamSocket::finish() {
    if (ssl_ && shaken_) ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
    ::shutdown(descriptor_, SHUT_WR);
}

}  // namespace carillon::relay
