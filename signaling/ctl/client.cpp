#include "signaling/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <boost/json.hpp>

namespace carillon::ctl {
namespace {

constexpr std::size_t kLargestAnswer = 256 * 1024 * 1024;

struct Descriptor {
    explicit Descriptor(int number) : fd{number} {}
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
};

std::unexpected<Failure> unreachable(std::string text) {
    return std::unexpected{Failure{Exit::unreachable, "unreachable", std::move(text)}};
}

std::string remedy(int error, const std::string& path) {
    if (error == ENOENT || error == ECONNREFUSED)
        return "No server answers at " + path +
               ". Start it with scripts/run, or say where it is with --data DIR or --socket PATH.";
    if (error == EACCES || error == EPERM)
        return "This user may not open " + path + ". Run this as the server's user or as root.";
    return path + ": " + std::strerror(error) + ".";
}

}  // namespace

std::expected<boost::json::value, Failure> request(const std::string& socket, const std::string& command,
                                                   const boost::json::object& arguments) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.size() >= sizeof address.sun_path) return unreachable("The socket's path is too long: " + socket + ".");
    std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
    const Descriptor connection{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const timeval patience{.tv_sec = 130, .tv_usec = 0};
    ::setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(connection.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return unreachable(remedy(errno, socket));

    const auto line =
        boost::json::serialize(boost::json::object{{"command", command}, {"arguments", arguments}}) + '\n';
    for (std::string_view rest = line; !rest.empty();) {
        const auto sent = ::send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) return unreachable(remedy(errno, socket));
        rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    std::string reply;
    std::array<char, 16384> piece{};
    while (reply.empty() || reply.back() != '\n') {
        const auto got = ::recv(connection.fd, piece.data(), piece.size(), 0);
        if (got <= 0 || reply.size() > kLargestAnswer)
            return unreachable(
                "The server did not answer. Its log tells why; carillonctl status shows whether it runs.");
        reply.append(piece.data(), static_cast<std::size_t>(got));
    }
    boost::json::error_code error;
    auto answer = boost::json::parse(reply, error);
    auto* object = error ? nullptr : answer.if_object();
    if (!object) return unreachable("What answers at " + socket + " is no carillond.");
    if (auto* failure = object->if_contains("error")) {
        const auto field = [&](const char* key) -> std::string {
            const auto* inside = failure->if_object();
            const auto* value = inside ? inside->if_contains(key) : nullptr;
            return value && value->is_string() ? std::string{value->get_string().c_str()} : std::string{};
        };
        return std::unexpected{Failure{Exit::refused, field("code"), field("text")}};
    }
    return (*object)["result"];
}

}  // namespace carillon::ctl
