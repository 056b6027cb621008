#include "relay/turn/dtls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "relay/ports/send_control.h"

namespace carillon::relay {
namespace {

constexpr long kMtu = 1200;  // of handshakes alone: records of data are as large as what they carry

DatagramPipe& pipe_of(BIO* bio) { return *static_cast<DatagramPipe*>(BIO_get_data(bio)); }

int read_datagram(BIO* bio, char* out, int size) noexcept {
    BIO_clear_retry_flags(bio);
    auto& pipe = pipe_of(bio);
    if (!std::exchange(pipe.unread, false)) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const auto count = std::min(pipe.incoming.size(), static_cast<std::size_t>(size));
    std::memcpy(out, pipe.incoming.data(), count);
    return static_cast<int>(count);
}

int write_datagram(BIO* bio, const char* data, int size) noexcept {
    auto& pipe = pipe_of(bio);
    iovec vector{const_cast<char*>(data), static_cast<std::size_t>(size)};
    msghdr message{};
    message.msg_name = &pipe.to;
    message.msg_namelen = pipe.length;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    SendControl beside;
    if (pipe.mark != 0) beside.mark(message, pipe.mark);
    ::sendmsg(pipe.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return size;  // what the kernel cannot take is lost, as datagrams are
}

long control(BIO*, int command, long, void*) noexcept {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_DGRAM_QUERY_MTU || command == BIO_CTRL_DGRAM_GET_FALLBACK_MTU) return kMtu;
    return 0;
}

const BIO_METHOD* datagram_method() {
    static BIO_METHOD* const kMethod = [] {
        auto* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
        BIO_meth_set_read(method, &read_datagram);
        BIO_meth_set_write(method, &write_datagram);
        BIO_meth_set_ctrl(method, &control);
        return method;
    }();
    return kMethod;
}

}  // namespace

DtlsSession DtlsSession::make(std::shared_ptr<const Certificates> certificates) {
    DtlsSession made;
    made.certificates = std::move(certificates);
    made.pipe = std::make_unique<DatagramPipe>();
    made.ssl.reset(SSL_new(&made.certificates->dtls()));
    auto* bio = BIO_new(datagram_method());
    BIO_set_data(bio, made.pipe.get());
    BIO_set_init(bio, 1);
    SSL_set_bio(made.ssl.get(), bio, bio);
    SSL_set_app_data(made.ssl.get(), &made.pipe->cookie);
    SSL_set_accept_state(made.ssl.get());
    SSL_set_mtu(made.ssl.get(), kMtu);
    return made;
}

void DtlsSession::aim(int fd, const sockaddr_storage& to, socklen_t length, const stun::TransportAddress& client) {
    pipe->fd = fd;
    pipe->to = to;
    pipe->length = length;
    pipe->cookie.address = client;
}

void DtlsSession::give(Bytes datagram) {
    pipe->incoming = datagram;
    pipe->unread = true;
}

bool DtlsSession::expect_pieces(const HelloFragment& first) {
    std::array<std::byte, HelloFragment::kMost> room;
    SSL_set_options(ssl.get(), SSL_OP_COOKIE_EXCHANGE);
    give(first.first_hello(room));
    const auto fd = std::exchange(pipe->fd, -1);  // its question was asked already
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl.get());
    const int error = SSL_get_error(ssl.get(), result);
    ERR_clear_error();
    pipe->fd = fd;
    return error == SSL_ERROR_WANT_READ;
}

DtlsClient::DtlsClient(DtlsSession session, const stun::turn::FiveTuple& tuple, AddressPlaces::Place place,
                       SteadyTime now)
    : session_{std::move(session)}, place_{std::move(place)}, began_{now}, heard_{now} {
    tuple_ = tuple;
}

bool DtlsClient::shake_hands() {
    auto* ssl = session_.ssl.get();
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    shaken_ = result == 1;
    if (shaken_) session_.certificates.reset();
    const int error = SSL_get_error(ssl, result);
    ERR_clear_error();
    return shaken_ || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

bool DtlsClient::take(Bytes datagram, ClientEvents& events, std::span<std::byte> buffer, SteadyTime now) {
    session_.give(datagram);
    if (!shaken_ && (!shake_hands() || !shaken_)) return now - began_ < kOpening;
    for (;;) {
        std::size_t size = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(session_.ssl.get(), buffer.data(), buffer.size(), &size);
        if (result != 1) {
            const int error = SSL_get_error(session_.ssl.get(), result);
            ERR_clear_error();
            // Only an authentic close_notify or alert ends it: anybody can send datagrams.
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        heard_ = now;
        events.on_message(*this, buffer.first(size), now);
        events.on_batch();
    }
}

void DtlsClient::tell(Bytes message) {
    std::size_t written = 0;
    if (shaken_) SSL_write_ex(session_.ssl.get(), message.data(), message.size(), &written);
    ERR_clear_error();
}

bool DtlsClient::relay(Bytes header, Bytes payload, std::uint8_t mark) {
    std::array<std::byte, kMessageMost> message;
    if (!shaken_ || header.size() + payload.size() > message.size()) return false;
    std::ranges::copy(header, message.begin());
    std::ranges::copy(payload, message.begin() + static_cast<std::ptrdiff_t>(header.size()));
    session_.pipe->mark = mark;
    tell(Bytes{message}.first(header.size() + payload.size()));
    session_.pipe->mark = 0;
    return true;
}

bool DtlsClient::tick(SteadyTime now, bool has_allocation) {
    if (!shaken_) {
        if (now - began_ > kOpening) return false;
        const auto result = DTLSv1_handle_timeout(session_.ssl.get());
        ERR_clear_error();
        return result >= 0;
    }
    return has_allocation || now - heard_ < kIdle;
}

void DtlsClient::say_goodbye() {
    if (shaken_) SSL_shutdown(session_.ssl.get());
    ERR_clear_error();
}

}  // namespace carillon::relay
