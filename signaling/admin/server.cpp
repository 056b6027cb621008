#include "signaling/admin/server.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <set>

#include <boost/asio.hpp>
#include <boost/json.hpp>

#include "config/base/log.h"

namespace carillon::admin {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Socket = asio::local::stream_protocol::socket;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);

std::string error_line(std::string_view code, std::string_view text) {
    json::object error;
    error["code"] = code;
    error["text"] = text;
    json::object out;
    out["error"] = std::move(error);
    return json::serialize(out) + '\n';
}

/// The file mode already says so; this also holds when a folder was made too open or the file was given away.
bool is_ours(Socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

/// "ann (uid 1000, pid 4711)", for logs of who did what.
std::string name_of_peer(Socket& socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> room{};
    ::getpwuid_r(peer.uid, &entry, room.data(), room.size(), &found);
    return std::string{found ? found->pw_name : "?"} + " (uid " + std::to_string(peer.uid) + ", pid " +
           std::to_string(peer.pid) + ")";
}

asio::awaitable<std::string> answer(const Registry& registry, std::string_view line, std::string who) {
    json::error_code failure;
    json::parse_options options;
    options.max_depth = 16;
    const auto request = json::parse({line.data(), line.size()}, failure, {}, options);
    const auto* object = failure ? nullptr : request.if_object();
    const auto* command = object ? object->if_contains("command") : nullptr;
    if (!command || !command->is_string())
        co_return error_line("bad_request", "Send one line of JSON: {\"command\": \"status\", \"arguments\": {}}.");
    const auto* given = object->if_contains("arguments");
    if (given && !given->is_object()) co_return error_line("bad_request", "\"arguments\" must be an object.");
    auto arguments = given ? given->get_object() : json::object{};
    arguments["operator"] = std::move(who);  // whatever the request says
    const auto& name = command->get_string();
    auto reply = co_await registry.run({name.data(), name.size()}, arguments);
    if (!reply) co_return error_line(reply.error().code, reply.error().text);
    json::object out;
    out["result"] = std::move(*reply);
    co_return json::serialize(out) + '\n';
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
    /// One connection. The watchdog closes its socket when a deadline passes; the coroutine then ends by itself.
    struct Client {
        explicit Client(Socket accepted) : socket{std::move(accepted)}, watchdog{socket.get_executor()} {}
        void allow(std::chrono::milliseconds time, const std::shared_ptr<Client>& self) {
            watchdog.expires_after(time);
            watchdog.async_wait([self](const auto& error) {
                if (!error) self->close();
            });
        }
        void close() {
            boost::system::error_code ignored;
            socket.close(ignored);
        }
        Socket socket;
        asio::steady_timer watchdog;
    };

    Impl(asio::io_context& context, std::string where, const Registry& commands, ServerLimits bounds)
        : io{context}, acceptor{context}, path{std::move(where)}, registry{commands}, limits{bounds} {}

    asio::awaitable<void> accept() {
        asio::steady_timer pause{io};
        while (acceptor.is_open()) {
            auto [error, socket] = co_await acceptor.async_accept(kQuiet);
            if (error == asio::error::operation_aborted) co_return;
            if (error) {  // out of descriptors, most likely: others may give some back
                pause.expires_after(std::chrono::milliseconds{200});
                co_await pause.async_wait(kQuiet);
                continue;
            }
            if (!is_ours(socket)) continue;
            auto client = std::make_shared<Client>(std::move(socket));
            asio::co_spawn(io, serve(shared_from_this(), client, clients.size() >= limits.clients), asio::detached);
            clients.insert(client);
        }
    }

    static asio::awaitable<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Client> client, bool refused) {
        co_await self->talk(client, refused);
        client->watchdog.cancel();
        client->close();
        self->clients.erase(client);
    }

    asio::awaitable<void> talk(const std::shared_ptr<Client>& client, bool refused) {
        const auto send = [&](std::string text) -> asio::awaitable<bool> {
            const auto [error, size] = co_await asio::async_write(client->socket, asio::buffer(text), kQuiet);
            co_return !error;
        };
        if (refused) {
            client->allow(std::chrono::seconds{1}, client);
            co_await send(error_line("unavailable", "Too many connections to the admin socket; try again soon."));
            co_return;
        }
        const auto who = name_of_peer(client->socket);
        std::string buffer;
        for (;;) {
            client->allow(limits.idle, client);
            const auto [error, size] = co_await asio::async_read_until(
                client->socket, asio::dynamic_buffer(buffer, limits.line), '\n', kQuiet);
            client->allow(limits.command, client);
            if (error == asio::error::not_found) {
                co_await send(
                    error_line("too_large", "A request has at most " + std::to_string(limits.line) + " octets."));
                co_return;
            }
            if (error) co_return;
            const auto line = buffer.substr(0, size - 1);
            buffer.erase(0, size);
            auto reply = co_await answer(registry, line, who);
            const auto taken = co_await send(std::move(reply));
            if (!taken) co_return;
        }
    }

    void stop() {
        if (!acceptor.is_open()) return;
        boost::system::error_code ignored;
        acceptor.close(ignored);
        ::unlink(path.c_str());
        for (const auto& client : clients) client->close();
    }

    asio::io_context& io;
    asio::local::stream_protocol::acceptor acceptor;
    std::string path;
    const Registry& registry;
    ServerLimits limits;
    std::set<std::shared_ptr<Client>> clients;
};

Server::Server(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
Server::~Server() { stop(); }
void Server::stop() { impl_->stop(); }

std::expected<std::unique_ptr<Server>, std::string> Server::open(asio::io_context& io, const std::string& path,
                                                                 const Registry& registry, ServerLimits limits) {
    constexpr std::size_t kLongest = 107;  // sockaddr_un
    if (path.empty() || path.size() > kLongest)
        return std::unexpected{"the admin socket's path " + path +
                               " is empty or longer than 107 octets: set admin.socket to a shorter one"};
    boost::system::error_code error;
    const asio::local::stream_protocol::endpoint endpoint{path};
    {
        Socket probe{io};
        probe.connect(endpoint, error);
        if (!error)
            return std::unexpected{"another server already answers on " + path +
                                   ": stop it, or give this one its own --data folder"};
        struct stat info{};
        if (::lstat(path.c_str(), &info) == 0) {
            if (!S_ISSOCK(info.st_mode))
                return std::unexpected{path + " exists and is no socket: move it away, or set admin.socket"};
            ::unlink(path.c_str());
        }
    }
    auto impl = std::make_shared<Impl>(io, path, registry, limits);
    impl->acceptor.open(endpoint.protocol(), error);
    const auto mask = ::umask(0177);  // the file is never open to others, not even for a moment
    if (!error) impl->acceptor.bind(endpoint, error);
    ::umask(mask);
    if (!error) impl->acceptor.listen(16, error);
    if (error)
        return std::unexpected{"the admin socket " + path + " cannot be opened: " + error.message() +
                               ". Check that its folder exists and is this user's"};
    asio::co_spawn(
        io, [](std::shared_ptr<Impl> self) -> asio::awaitable<void> { co_await self->accept(); }(impl), asio::detached);
    return std::unique_ptr<Server>{new Server{std::move(impl)}};
}

}  // namespace carillon::admin
