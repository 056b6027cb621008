#include "relay/control/binding_tcp.h"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <stdexcept>

#include "stun/binding_server.h"

namespace carillon::relay {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxRequest = 1024;

stun::TransportAddress told(const tcp::endpoint& endpoint) {
    stun::TransportAddress out{.port = endpoint.port(), .v6 = endpoint.address().is_v6()};
    if (out.v6) {
        const auto octets = endpoint.address().to_v6().to_bytes();
        std::memcpy(out.ip.data(), octets.data(), octets.size());
    } else {
        const auto octets = endpoint.address().to_v4().to_bytes();
        std::memcpy(out.ip.data(), octets.data(), octets.size());
    }
    return out;
}

}  // namespace

struct BindingTcpServer::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(asio::io_context& io) : acceptor{io}, pause{io} {}

    struct Connection : std::enable_shared_from_this<Connection> {
        Connection(std::shared_ptr<Impl> server, tcp::socket taken)
            : owner{std::move(server)}, socket{std::move(taken)}, idle{socket.get_executor()} {
            ++owner->connections;
        }
        ~Connection() { --owner->connections; }

        void read() {
            idle.expires_after(std::chrono::seconds{30});
            idle.async_wait([weak = weak_from_this()](error_code ec) {
                error_code ignored;
                if (const auto self = weak.lock(); self && !ec) self->socket.close(ignored);
            });
            asio::async_read(socket, asio::buffer(in.data(), stun::kHeaderSize),
                             [self = shared_from_this()](error_code ec, std::size_t) {
                                 if (ec || !stun::looks_like_stun(Bytes{self->in}.first(stun::kHeaderSize))) return;
                                 const std::size_t length = load_u16(self->in.data() + 2);
                                 if (stun::kHeaderSize + length > kMaxRequest) return;
                                 asio::async_read(self->socket,
                                                  asio::buffer(self->in.data() + stun::kHeaderSize, length),
                                                  [self, length](error_code failed, std::size_t) {
                                                      if (!failed) self->answer(stun::kHeaderSize + length);
                                                  });
                             });
        }

        void answer(std::size_t length) {
            error_code gone;
            const auto peer = socket.remote_endpoint(gone);
            const auto reply = gone ? Bytes{} : stun::answer_binding(Bytes{in}.first(length), told(peer), out);
            if (reply.empty()) return;
            asio::async_write(socket, asio::buffer(reply.data(), reply.size()),
                              [self = shared_from_this()](error_code ec, std::size_t) {
                                  if (!ec) self->read();
                              });
        }

        std::shared_ptr<Impl> owner;
        tcp::socket socket;
        asio::steady_timer idle;
        std::array<std::byte, kMaxRequest> in{};
        std::array<std::byte, 512> out{};
    };

    void accept() {
        acceptor.async_accept([self = shared_from_this()](error_code ec, tcp::socket socket) {
            if (ec == asio::error::operation_aborted || !self->acceptor.is_open()) return;
            if (ec) {  // out of descriptors: try again when some may be free
                self->pause.expires_after(std::chrono::milliseconds{100});
                self->pause.async_wait([self](error_code stopped) {
                    if (!stopped) self->accept();
                });
                return;
            }
            if (self->connections < kMaxConnections) std::make_shared<Connection>(self, std::move(socket))->read();
            self->accept();
        });
    }

    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::size_t connections = 0;
};

BindingTcpServer::BindingTcpServer(asio::io_context& io, const std::string& address, std::uint16_t port)
    : impl_{std::make_shared<Impl>(io)} {
    error_code ec;
    const auto ip = asio::ip::make_address(address, ec);
    const tcp::endpoint endpoint{ip, port};
    if (!ec) impl_->acceptor.open(endpoint.protocol(), ec);
    if (!ec) impl_->acceptor.set_option(tcp::acceptor::reuse_address{true}, ec);
    if (!ec && ip.is_v6()) impl_->acceptor.set_option(asio::ip::v6_only{true}, ec);
    if (!ec) impl_->acceptor.bind(endpoint, ec);
    if (!ec) impl_->acceptor.listen(128, ec);
    if (ec) {
        throw std::runtime_error{"STUN over TCP cannot use " + address + " port " + std::to_string(port) + ": " +
                                 ec.message() + "; choose another stun port, or stop the other server"};
    }
    impl_->accept();
}

BindingTcpServer::~BindingTcpServer() {
    error_code ignored;
    impl_->acceptor.close(ignored);
    impl_->pause.cancel();
}

}  // namespace carillon::relay
