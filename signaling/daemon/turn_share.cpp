#include "signaling/daemon/turn_share.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "config/base/bytes.h"
#include "stun/message.h"

namespace carillon::daemon {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::chrono::seconds kPatience{10};  ///< for the first octets
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// Reads of a ClientHello; any answer but a value means that octets are missing.
std::optional<Bytes> vector8(ByteReader& in) {
    const auto size = in.u8();
    return size ? in.take(*size) : std::nullopt;
}
std::optional<Bytes> vector16(ByteReader& in) {
    const auto size = in.u16();
    return size ? in.take(*size) : std::nullopt;
}

bool names_stun(Bytes protocols) {
    ByteReader list{protocols};
    const auto names = vector16(list);
    if (!names) return false;
    ByteReader in{*names};
    while (const auto name = vector8(in))
        if (as_text(*name) == "stun.turn" || as_text(*name) == "stun.nat-discovery") return true;
    return false;
}

/// RFC 8446 §4.1.2, as far as it has come.
FirstOctets judge_client_hello(Bytes hello) {
    constexpr std::uint16_t kAlpn = 16;
    constexpr std::size_t kRandom = 32;
    ByteReader in{hello};
    if (!in.take(2 + kRandom) || !vector8(in) || !vector16(in) || !vector8(in)) return FirstOctets::undecided;
    const auto size = in.u16();
    if (!size) return FirstOctets::undecided;
    const bool whole = in.rest().size() >= *size;
    ByteReader extensions{whole ? in.rest().first(*size) : in.rest()};
    for (;;) {
        const auto type = extensions.u16();
        const auto value = type ? vector16(extensions) : std::nullopt;
        if (!value) return whole ? FirstOctets::tls : FirstOctets::undecided;
        if (*type == kAlpn) return names_stun(*value) ? FirstOctets::stun : FirstOctets::other;
    }
}

/// "client port server port", the client as a load balancer may have told it.
std::string described(const net::Socket& socket, int descriptor) {
    std::string out;
    for (const auto name : {&::getpeername, &::getsockname}) {
        asio::ip::tcp::endpoint endpoint;
        auto size = static_cast<socklen_t>(endpoint.capacity());
        if (name(descriptor, endpoint.data(), &size) != 0) return {};
        endpoint.resize(size);
        const auto ip = out.empty() ? socket.peer_address() : endpoint.address().to_string();
        out += (out.empty() ? "" : " ") + ip + ' ' + std::to_string(endpoint.port());
    }
    return out;
}

/// A connection that is decrypted here and served by the worker.
struct Bridge {
    net::Socket client;
    asio::local::stream_protocol::socket worker;
    void close() {
        boost::system::error_code ignored;
        client.close();
        worker.close(ignored);
    }
};

awaitable<void> pass_up(std::shared_ptr<Bridge> bridge, std::string first) {
    std::array<char, 16 * 1024> buffer;
    std::string_view octets{first};
    for (;;) {
        const auto [error, count] = co_await asio::async_write(bridge->worker, asio::buffer(octets), kTuple);
        if (error) break;
        const auto got = co_await bridge->client.read_some(buffer, net::Socket::kNever);
        if (!got) break;
        octets = {buffer.data(), *got};
    }
    bridge->close();
}

awaitable<void> pass_down(std::shared_ptr<Bridge> bridge) {
    std::array<char, 16 * 1024> buffer;
    for (;;) {
        const auto [error, count] = co_await bridge->worker.async_read_some(asio::buffer(buffer), kTuple);
        if (error) break;
        const auto sent =
            co_await bridge->client.write_all({buffer.data(), count}, std::chrono::milliseconds{kPatience});
        if (!sent) break;
    }
    bridge->close();
}

}  // namespace

FirstOctets judge_first_octets(std::string_view octets) {
    const auto bytes = as_bytes(octets);
    if (bytes.empty()) return FirstOctets::undecided;
    const auto first = std::to_integer<unsigned>(bytes[0]);
    constexpr unsigned kHandshakeRecord = 22;
    if (first < 4) {
        if (bytes.size() < 8) return FirstOctets::undecided;
        return load_u32(bytes.data() + 4) == stun::kMagicCookie ? FirstOctets::stun : FirstOctets::other;
    }
    if (first != kHandshakeRecord) return FirstOctets::other;
    // |record: type, version, length|handshake: type, length (3)|
    constexpr std::size_t kHeads = 9;
    if (bytes.size() < kHeads) return FirstOctets::undecided;
    if (bytes[5] != std::byte{1}) return FirstOctets::other;
    const auto verdict = judge_client_hello(bytes.subspan(kHeads));
    const bool whole = bytes.size() >= 5u + load_u16(bytes.data() + 3);
    return verdict == FirstOctets::undecided && whole ? FirstOctets::other : verdict;
}

void TurnShare::serve(std::uint16_t port) {
    diversion_ = http::divert_tls_port(
        port, [weak = weak_from_this()](net::Socket& socket, int descriptor, std::string& pending) {
            return divert(weak.lock(), socket, descriptor, pending);
        });
}

TurnShare::Verdict TurnShare::divert(std::shared_ptr<TurnShare> self, net::Socket& socket, int descriptor,
                                     std::string& pending) {
    if (!self) co_return http::Diverted::no;
    if (!socket.is_tls()) {
        const auto verdict = co_await self->before_tls(socket, descriptor);
        co_return verdict;
    }
    const auto verdict = co_await self->under_tls(socket, descriptor, pending);
    co_return verdict;
}

TurnShare::Verdict TurnShare::before_tls(const net::Socket& socket, int descriptor) {
    std::array<char, 4096> first;
    asio::steady_timer pause{io_};
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    // What is peeked at stays readable, so there is nothing to wait for but time.
    for (auto step = std::chrono::milliseconds{1}; std::chrono::steady_clock::now() < deadline;
         step = std::min(step * 2, std::chrono::milliseconds{50})) {
        const auto got = ::recv(descriptor, first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) co_return http::Diverted::no;
        const auto size = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        const auto verdict = judge_first_octets({first.data(), size});
        if (verdict == FirstOctets::stun) co_return hand_over(descriptor, "raw", described(socket, descriptor));
        if (verdict == FirstOctets::tls) co_return http::Diverted::undecided;
        if (verdict == FirstOctets::other || size == first.size()) co_return http::Diverted::no;
        pause.expires_after(step);
        co_await pause.async_wait(kTuple);
    }
    co_return http::Diverted::no;
}

TurnShare::Verdict TurnShare::under_tls(net::Socket& socket, int descriptor, std::string& pending) {
    std::array<char, 4096> first;
    while (judge_first_octets(pending) == FirstOctets::undecided) {
        const auto got = co_await socket.read_some(first, std::chrono::milliseconds{kPatience});
        if (!got) co_return http::Diverted::no;
        pending.append(first.data(), *got);
    }
    if (judge_first_octets(pending) != FirstOctets::stun) co_return http::Diverted::no;
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
        co_return http::Diverted::no;
    const auto verdict = hand_over(ends[1], "opened", described(socket, descriptor));
    ::close(ends[1]);
    asio::local::stream_protocol::socket worker{io_, asio::local::stream_protocol{}, ends[0]};
    if (verdict != http::Diverted::taken) co_return verdict;
    auto bridge = std::make_shared<Bridge>(std::move(socket), std::move(worker));
    asio::co_spawn(io_, pass_up(bridge, std::move(pending)), asio::detached);
    asio::co_spawn(io_, pass_down(bridge), asio::detached);
    co_return verdict;
}

// "kind client port server port" and the descriptor beside it.
http::Diverted TurnShare::hand_over(int descriptor, std::string_view kind, const std::string& ends) {
    constexpr auto kNo = http::Diverted::no;
    const auto text = std::string{kind} + ' ' + ends;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (ends.empty() || handover_.native().size() >= sizeof to.sun_path) return kNo;
    handover_.native().copy(to.sun_path, sizeof to.sun_path - 1);
    const int by = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (by < 0) return kNo;
    iovec vector{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
    const bool sent = ::sendmsg(by, &message, MSG_NOSIGNAL) >= 0;
    ::close(by);
    if (!sent) return kNo;
    ++taken_;
    return http::Diverted::taken;
}

}  // namespace carillon::daemon
