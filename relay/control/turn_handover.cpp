#include "relay/control/turn_handover.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "relay/turn/turn_service.h"

namespace carillon::relay {

namespace turn = stun::turn;

namespace {

int bind_at(const std::filesystem::path& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof at.sun_path)
        throw std::runtime_error{path.string() + ": is longer than a socket's path may be (107 octets)"};
    path.native().copy(at.sun_path, sizeof at.sun_path - 1);
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    const int made = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const auto mask = ::umask(0077);  // nobody else hands over
    const bool bound = made >= 0 && ::bind(made, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    ::umask(mask);
    if (!bound) throw std::runtime_error{path.string() + ": cannot be made a socket: " + std::strerror(errno)};
    return made;
}

std::optional<stun::TransportAddress> address(const std::string& ip, unsigned port) {
    auto parsed = turn::Prefix::parse(ip);
    if (!parsed || port > 65535) return std::nullopt;
    parsed->base.port = static_cast<std::uint16_t>(port);
    const auto meant = turn::canonical(parsed->base);  // v4-mapped
    return meant;
}

}  // namespace

TurnHandover::TurnHandover(boost::asio::io_context& io, std::filesystem::path path, std::shared_ptr<TurnShared> shared)
    : socket_{io, bind_at(path)}, path_{std::move(path)}, shared_{std::move(shared)} {
    wait();
}

TurnHandover::~TurnHandover() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

void TurnHandover::wait() {
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
        if (error) return;
        while (take_one()) {
        }
        wait();
    });
}

bool TurnHandover::take_one() {
    std::array<char, 256> text;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec vector{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto got = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return false;
    const auto* rights = CMSG_FIRSTHDR(&message);
    if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) return true;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
    give(descriptor, {text.data(), static_cast<std::size_t>(got)});
    return true;
}

// "kind client port server port": raw is as it was accepted; opened is what TLS was taken off already.
void TurnHandover::give(int descriptor, const std::string& text) {
    StreamSocket socket{descriptor};
    std::istringstream in{text};
    std::string kind, client, server;
    unsigned client_port = 0;
    unsigned server_port = 0;
    in >> kind >> client >> client_port >> server >> server_port;
    const auto from = address(client, client_port);
    const auto at = address(server, server_port);
    if (!in || !from || !at || shared_->shards.empty()) return;
    auto place = shared_->places_for_clients.admit(*from);
    if (!place) return;
    StreamSocket::prepare(descriptor);
    const bool opened = kind == "opened";
    const turn::FiveTuple tuple{*from, *at, opened ? turn::Transport::tls : turn::Transport::tcp};
    auto parcel = std::make_shared<StreamClient::Parcel>(
        StreamClient::Parcel{std::move(socket), tuple, {}, std::move(place), opened});
    shared_->shards[next_++ % shared_->shards.size()](
        [parcel](TurnService& there) { there.adopt(std::move(*parcel)); });
}

}  // namespace carillon::relay
