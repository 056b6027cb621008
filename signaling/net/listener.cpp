#include "signaling/net/listener.h"

#include <array>
#include <map>
#include <mutex>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/net/token_bucket.h"

namespace carillon::net {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

struct ConnectionLimiter::Impl {
    std::mutex mutex;  // taken once per connection, never per stanza
    std::map<asio::ip::address, std::size_t> by_address;
    std::size_t all = 0;
    std::size_t refused = 0;
    std::size_t per_address;
    std::size_t total;
    double rate;
    std::map<asio::ip::address, TokenBucket> arrivals;  // of addresses that came lately

    static constexpr double kBurst = 10;  // seconds' worth
    static constexpr std::size_t kAddresses = 100'000;

    bool arrives_too_fast(const asio::ip::address& key) {
        if (rate <= 0) return false;
        const auto now = TokenBucket::Clock::now();
        if (arrivals.size() >= kAddresses) {
            std::erase_if(arrivals, [&](auto& entry) { return entry.second.full(now); });
            if (arrivals.size() >= kAddresses) arrivals.clear();  // so many at once: the whole is bounded elsewhere
        }
        return !arrivals.try_emplace(key, rate, rate * kBurst).first->second.try_take(now);
    }
};

ConnectionLimiter::ConnectionLimiter(std::size_t per_address, std::size_t total, double rate)
    : impl_{std::make_shared<Impl>()} {
    impl_->per_address = per_address;
    impl_->total = total;
    impl_->rate = rate;
}
ConnectionLimiter::~ConnectionLimiter() = default;

ConnectionLimiter::Place ConnectionLimiter::admit(const asio::ip::address& peer) {
    auto key = peer;
    if (key.is_v6()) {
        auto v6 = key.to_v6();
        if (v6.is_v4_mapped()) {
            key = asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
        } else {
            auto bytes = v6.to_bytes();
            std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});  // a host has its whole /64
            key = asio::ip::address_v6{bytes};
        }
    }
    const std::lock_guard lock{impl_->mutex};
    auto& count = impl_->by_address[key];
    if (impl_->all >= impl_->total || count >= impl_->per_address || impl_->arrives_too_fast(key)) {
        if (count == 0) impl_->by_address.erase(key);
        ++impl_->refused;
        return nullptr;
    }
    ++count;
    ++impl_->all;
    return {impl_.get(), [impl = impl_, key](void*) {
                const std::lock_guard back{impl->mutex};
                --impl->all;
                const auto at = impl->by_address.find(key);
                if (--at->second == 0) impl->by_address.erase(at);
            }};
}

std::size_t ConnectionLimiter::size() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->all;
}
std::size_t ConnectionLimiter::refused() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->refused;
}

struct Listener::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(asio::io_context& io) : acceptor{io}, pause{io} {}

    void accept() {
        acceptor.async_accept([self = shared_from_this()](error_code ec, tcp::socket socket) {
            if (ec == asio::error::operation_aborted || !self->acceptor.is_open()) return;
            if (ec) {
                // No descriptors or no memory: the connection stays in the backlog, so try again a little later.
                self->pause.expires_after(std::chrono::milliseconds{100});
                self->pause.async_wait([self](error_code stopped) {
                    if (!stopped && self->acceptor.is_open()) self->accept();
                });
                return;
            }
            error_code gone;
            const auto peer = socket.remote_endpoint(gone);
            if (!gone) {
                if (self->balancers.contains(peer.address())) {
                    self->hear_balancer(std::move(socket));
                } else if (auto place = self->limiter->admit(peer.address())) {
                    self->on_accept({std::move(socket), std::move(place), {}});
                }
            }
            self->accept();
        });
    }

    /// The header is read and nothing behind it; the rest is the client's.
    void hear_balancer(tcp::socket socket) {
        if (introductions >= kIntroductions) return;
        error_code ignored;
        socket.non_blocking(true, ignored);
        ++introductions;
        asio::co_spawn(
            acceptor.get_executor(),
            [self = shared_from_this(), given = std::make_shared<tcp::socket>(std::move(socket))] {
                return self->introduce(given);
            },
            [self = shared_from_this()](std::exception_ptr) { --self->introductions; });
    }

    asio::awaitable<void> introduce(std::shared_ptr<tcp::socket> socket) {
        asio::steady_timer timer{socket->get_executor(), kIntroduction};
        timer.async_wait([socket](error_code stopped) {
            error_code ignored;
            if (!stopped) socket->close(ignored);
        });
        std::string heard;
        std::array<char, ProxyHeader::kLongest> peeked;
        for (;;) {
            auto [failed] = co_await socket->async_wait(tcp::socket::wait_read, asio::as_tuple(asio::use_awaitable));
            if (failed) co_return;
            error_code ec;
            const auto more = socket->receive(asio::buffer(peeked, ProxyHeader::kLongest - heard.size()),
                                              tcp::socket::message_peek, ec);
            if (ec == asio::error::would_block) continue;
            if (ec || more == 0) co_return;
            const auto before = heard.size();
            heard.append(peeked.data(), more);
            const auto header = ProxyHeader::parse(heard);
            if (!header) {
                log::warning("no PROXY header from a load balancer",
                             {{"from", socket->remote_endpoint(ec).address().to_string()}, {"why", header.error()}});
                co_return;
            }
            const auto take = *header ? (*header)->size - before : more;
            (void)socket->receive(asio::buffer(peeked, take), 0, ec);
            if (ec) co_return;
            if (!*header) {
                if (heard.size() >= ProxyHeader::kLongest) co_return;
                continue;
            }
            timer.cancel();
            const auto address = (*header)->source.value_or(socket->remote_endpoint(ec).address());
            auto place = ec ? nullptr : limiter->admit(address);
            if (place && acceptor.is_open()) on_accept({std::move(*socket), std::move(place), address.to_string()});
            co_return;
        }
    }

    static constexpr std::chrono::seconds kIntroduction{5};
    static constexpr std::size_t kIntroductions = 4096;  // under way at once

    AddressList balancers;
    std::size_t introductions = 0;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::shared_ptr<ConnectionLimiter> limiter;
    std::function<void(Accepted)> on_accept;
};

std::expected<std::unique_ptr<Listener>, std::string> Listener::open(asio::io_context& io, std::string_view address,
                                                                     std::uint16_t port,
                                                                     std::shared_ptr<ConnectionLimiter> limiter,
                                                                     std::function<void(Accepted)> on_accept,
                                                                     AddressList balancers) {
    error_code ec;
    const auto ip = asio::ip::make_address(address, ec);
    const auto where = std::string{address} + " port " + std::to_string(port);
    if (ec) return std::unexpected{where + ": not an IP address"};
    auto impl = std::make_shared<Impl>(io);
    impl->limiter = std::move(limiter);
    impl->on_accept = std::move(on_accept);
    impl->balancers = std::move(balancers);
    const tcp::endpoint endpoint{ip, port};
    impl->acceptor.open(endpoint.protocol(), ec);
    if (!ec) impl->acceptor.set_option(tcp::acceptor::reuse_address{true}, ec);
    if (!ec && ip.is_v6()) impl->acceptor.set_option(asio::ip::v6_only{true}, ec);
    if (!ec) impl->acceptor.bind(endpoint, ec);
    if (!ec) impl->acceptor.listen(4096, ec);
    if (ec == asio::error::address_in_use) {
        return std::unexpected{where + " is in use: stop the other program, or configure another port"};
    }
    if (ec == asio::error::access_denied) {
        return std::unexpected{where + ": not allowed: ports below 1024 need CAP_NET_BIND_SERVICE"};
    }
    if (ec) return std::unexpected{where + ": cannot listen: " + ec.message()};
    impl->accept();
    return std::unique_ptr<Listener>{new Listener{std::move(impl)}};
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
Listener::~Listener() { stop(); }

tcp::endpoint Listener::local() const {
    error_code ignored;
    return impl_->acceptor.local_endpoint(ignored);
}

void Listener::stop() {
    error_code ignored;
    impl_->acceptor.close(ignored);
    impl_->pause.cancel();
}

}  // namespace carillon::net
