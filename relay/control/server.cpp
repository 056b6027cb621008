#include "relay/control/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <stdexcept>

#include "config/base/log.h"
#include "relay/api/frame.h"

namespace carillon::relay {

namespace asio = boost::asio;
namespace proto = api::proto;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

class ControlServer::Client : public std::enable_shared_from_this<Client> {
  public:
    Client(ControlServer& server, std::shared_ptr<api::Connection> connection)
        : server_{&server}, connection_{std::move(connection)}, deadline_{server.io_} {}

    void read() {
        connection_->read(asio::buffer(head_), [self = shared_from_this()](error_code ec) {
            const auto length = api::frame_length(self->head_.data());
            if (ec || length > api::kMaxRequest) return self->end();
            self->body_.resize(length);
            // Whoever begins a frame finishes it soon.
            self->deadline_.expires_after(std::chrono::seconds{5});
            self->deadline_.async_wait([self](error_code stopped) {
                if (!stopped) self->end();
            });
            self->connection_->read(asio::buffer(self->body_), [self](error_code failed) {
                self->deadline_.cancel();
                proto::Request request;
                if (failed || !self->server_ || !request.ParseFromString(self->body_)) return self->end();
                self->server_->worker_.handle(request, [self](proto::Reply reply) {
                    proto::FromWorker message;
                    *message.mutable_reply() = std::move(reply);
                    self->send(message);
                });
                self->read();
            });
        });
    }

    void send(const proto::FromWorker& message) {
        if (!server_) return;
        queued_ += message.ByteSizeLong();
        if (queued_ > kMaxQueued) return end();
        outgoing_.push_back(api::frame(message.SerializeAsString()));
        if (outgoing_.size() == 1) write();
    }

    void end() {
        if (!server_) return;
        auto* server = std::exchange(server_, nullptr);
        connection_->close();
        deadline_.cancel();
        server->clients_.erase(shared_from_this());
    }

  private:
    void write() {
        connection_->write(asio::buffer(outgoing_.front()), [self = shared_from_this()](error_code ec) {
            if (ec || !self->server_) return self->end();
            self->queued_ -= std::min(self->queued_, self->outgoing_.front().size());
            self->outgoing_.pop_front();
            if (!self->outgoing_.empty()) self->write();
        });
    }

    static constexpr std::size_t kMaxQueued = 64 * 1024 * 1024;
    ControlServer* server_;
    std::shared_ptr<api::Connection> connection_;
    asio::steady_timer deadline_;
    std::array<char, 4> head_{};
    std::string body_;
    std::deque<std::string> outgoing_;
    std::size_t queued_ = 0;
};

ControlServer::ControlServer(asio::io_context& io, Worker& worker)
    : io_{io}, worker_{worker}, local_{io}, remote_{io}, pause_{io} {
    worker_.on_event([this](const proto::Event& event) {
        proto::FromWorker message;
        *message.mutable_event() = event;
        const auto clients = clients_;
        for (const auto& client : clients) client->send(message);
    });
}

ControlServer::ControlServer(asio::io_context& io, std::filesystem::path path, Worker& worker)
    : ControlServer{io, worker} {
    listen(std::move(path));
}

ControlServer::~ControlServer() {
    worker_.on_event(nullptr);
    const auto clients = clients_;
    for (const auto& client : clients) client->end();
    std::error_code ignored;
    if (local_.is_open()) std::filesystem::remove(path_, ignored);
}

void ControlServer::listen(std::filesystem::path path) {
    path_ = std::move(path);
    Local::socket probe{io_};
    error_code ec;
    probe.connect(Local::endpoint{path_.string()}, ec);
    if (!ec) throw std::runtime_error{path_.string() + ": another relay worker answers on this socket"};
    std::error_code ignored;
    if (std::filesystem::is_socket(path_, ignored)) std::filesystem::remove(path_, ignored);
    const auto mask = ::umask(0177);
    local_.open(Local{}, ec);
    if (!ec) local_.bind(Local::endpoint{path_.string()}, ec);
    ::umask(mask);
    if (!ec) local_.listen(16, ec);
    if (ec) throw std::runtime_error{path_.string() + ": cannot listen: " + ec.message()};
    accept(local_, [this](Local::socket socket) { admit(api::connection_of(std::move(socket))); });
}

void ControlServer::listen(const std::string& address, std::uint16_t port, const api::TlsFiles& files) {
    files_ = files;
    if (const auto loaded = reload_certificates(); !loaded) throw std::runtime_error{loaded.error()};
    error_code ec;
    const asio::ip::tcp::endpoint at{asio::ip::make_address(address, ec), port};
    if (!ec) remote_.open(at.protocol(), ec);
    if (!ec) remote_.set_option(asio::socket_base::reuse_address{true}, ec);
    if (!ec) remote_.bind(at, ec);
    if (!ec) remote_.listen(16, ec);
    if (ec) throw std::runtime_error{address + ':' + std::to_string(port) + ": cannot listen: " + ec.message()};
    accept(remote_, [this](asio::ip::tcp::socket socket) { shake(std::move(socket)); });
}

std::expected<void, std::string> ControlServer::reload_certificates() {
    if (!files_.complete()) return {};
    auto side = api::TlsSide::load(files_, api::TlsSide::Role::worker);
    if (!side) return std::unexpected{side.error()};
    side_ = std::move(*side);
    return {};
}

template <class Acceptor, class Take>
void ControlServer::accept(Acceptor& acceptor, Take take) {
    acceptor.async_accept([this, &acceptor, take](error_code ec, typename Acceptor::protocol_type::socket socket) {
        if (ec == asio::error::operation_aborted) return;
        if (!ec) {
            take(std::move(socket));
            return accept(acceptor, take);
        }
        // Out of descriptors, most likely: not at once again.
        pause_.expires_after(std::chrono::milliseconds{100});
        pause_.async_wait([this, alive = std::weak_ptr{alive_}, &acceptor, take](error_code) {
            if (!alive.expired()) accept(acceptor, take);
        });
    });
}

void ControlServer::shake(asio::ip::tcp::socket socket) {
    error_code ec;
    const auto from = socket.remote_endpoint(ec).address();
    if (ec || handshakes_.size() >= kMaxHandshakes || handshakes_.count(from) >= kMaxHandshakesOfOne) return;
    handshakes_.insert(from);
    auto shaken = [this, alive = std::weak_ptr{alive_},
                   from](std::expected<std::shared_ptr<api::Connection>, std::string> connection) {
        if (alive.expired()) return;
        handshakes_.erase(handshakes_.find(from));
        if (connection) return admit(std::move(*connection));
        const auto now = std::chrono::steady_clock::now();
        if (now < quiet_until_) return;
        quiet_until_ = now + std::chrono::seconds{1};
        log::warning("no orders taken", {{"from", from.to_string()}, {"why", connection.error()}});
    };
    api::accept_tls(std::move(socket), *side_, std::move(shaken));
}

void ControlServer::admit(std::shared_ptr<api::Connection> connection) {
    if (clients_.size() >= kMaxClients) return;
    auto client = std::make_shared<Client>(*this, std::move(connection));
    clients_.insert(client);
    client->read();
}

}  // namespace carillon::relay
