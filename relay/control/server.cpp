#include "relay/control/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
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
    Client(ControlServer& server, Local::socket socket)
        : server_{&server}, socket_{std::move(socket)}, deadline_{server.io_} {}

    void read() {
        asio::async_read(socket_, asio::buffer(head_), [self = shared_from_this()](error_code ec, std::size_t) {
            const auto length = api::frame_length(self->head_.data());
            if (ec || length > api::kMaxRequest) return self->end();
            self->body_.resize(length);
            // Whoever begins a frame finishes it soon.
            self->deadline_.expires_after(std::chrono::seconds{5});
            self->deadline_.async_wait([self](error_code stopped) {
                if (!stopped) self->end();
            });
            asio::async_read(self->socket_, asio::buffer(self->body_), [self](error_code failed, std::size_t) {
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
        error_code ignored;
        socket_.close(ignored);
        deadline_.cancel();
        server->clients_.erase(shared_from_this());
    }

  private:
    void write() {
        asio::async_write(socket_, asio::buffer(outgoing_.front()),
                          [self = shared_from_this()](error_code ec, std::size_t) {
                              if (ec) return self->end();
                              self->queued_ -= std::min(self->queued_, self->outgoing_.front().size());
                              self->outgoing_.pop_front();
                              if (!self->outgoing_.empty()) self->write();
                          });
    }

    static constexpr std::size_t kMaxQueued = 64 * 1024 * 1024;
    ControlServer* server_;
    Local::socket socket_;
    asio::steady_timer deadline_;
    std::array<char, 4> head_{};
    std::string body_;
    std::deque<std::string> outgoing_;
    std::size_t queued_ = 0;
};

ControlServer::ControlServer(asio::io_context& io, std::filesystem::path path, Worker& worker)
    : io_{io}, path_{std::move(path)}, worker_{worker}, acceptor_{io} {
    Local::socket probe{io};
    error_code ec;
    probe.connect(Local::endpoint{path_.string()}, ec);
    if (!ec) throw std::runtime_error{path_.string() + ": another relay worker answers on this socket"};
    std::error_code ignored;
    if (std::filesystem::is_socket(path_, ignored)) std::filesystem::remove(path_, ignored);
    const auto mask = ::umask(0177);
    acceptor_.open(Local{}, ec);
    if (!ec) acceptor_.bind(Local::endpoint{path_.string()}, ec);
    ::umask(mask);
    if (!ec) acceptor_.listen(16, ec);
    if (ec) throw std::runtime_error{path_.string() + ": cannot listen: " + ec.message()};
    worker_.on_event([this](const proto::Event& event) {
        proto::FromWorker message;
        *message.mutable_event() = event;
        const auto clients = clients_;
        for (const auto& client : clients) client->send(message);
    });
    accept();
}

ControlServer::~ControlServer() {
    worker_.on_event(nullptr);
    const auto clients = clients_;
    for (const auto& client : clients) client->end();
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

void ControlServer::accept() {
    acceptor_.async_accept([this](error_code ec, Local::socket socket) {
        if (ec == asio::error::operation_aborted) return;
        if (!ec && clients_.size() < kMaxClients) {
            auto client = std::make_shared<Client>(*this, std::move(socket));
            clients_.insert(client);
            client->read();
        }
        accept();
    });
}

}  // namespace carillon::relay
