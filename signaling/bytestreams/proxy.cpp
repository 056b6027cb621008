#include "signaling/bytestreams/proxy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <set>
#include <vector>

#include <boost/asio.hpp>

#include "signaling/bytestreams/socks5.h"
#include "signaling/net/listener.h"
#include "signaling/net/socket.h"
#include "signaling/net/token_bucket.h"

namespace carillon::bytestreams {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kMaxHandshake = 600;  // octets of greeting and request

}  // namespace

struct Proxy::Impl : std::enable_shared_from_this<Impl> {
    struct Stream;
    /// One client's connection.
    struct End {
        explicit End(net::Accepted accepted) : socket{std::move(accepted.socket)}, place{std::move(accepted.place)} {}
        net::Socket socket;
        net::ConnectionLimiter::Place place;
        std::string name;
        std::string pending;             ///< read and not understood yet
        std::shared_ptr<Stream> stream;  ///< once it is activated, until it is over
    };
    using EndPtr = std::shared_ptr<End>;

    /// Both ends of an activated stream.
    struct Stream {
        explicit Stream(double rate) : bucket{rate, rate} {}
        std::array<EndPtr, 2> ends;
        net::TokenBucket bucket;
        Clock::time_point touched = Clock::now();
        int directions = 2;  ///< that still pass
        End& other(const End& one) const { return ends[0].get() == &one ? *ends[1] : *ends[0]; }
    };

    Impl(asio::io_context& context, ProxyLimits bounds)
        : io{context},
          limits{bounds},
          limiter{std::make_shared<net::ConnectionLimiter>(bounds.connections_per_address, bounds.connections)} {}

    /// One coroutine reads a connection from its first octet to its last.
    static awaitable<void> serve(std::shared_ptr<Impl> self, EndPtr end) {
        const bool named = co_await self->shake_hands(end);
        bool whole = false;
        if (named) whole = co_await self->carry(*end);
        self->finish(*end, whole);
        self->open.erase(end);
        --self->open_now;
    }

    /// Reads until `parse` is content. False: the connection is of no use.
    template <class Parse>
    awaitable<bool> read_message(End& end, Clock::time_point until, Parse parse) {
        std::array<char, 512> piece{};
        for (;;) {
            const auto done = parse(std::string_view{end.pending});
            if (!done) {
                if (!done.error().empty()) co_await end.socket.write_all(done.error(), limits.handshake);
                co_return false;
            }
            if (*done) {
                end.pending.erase(0, (*done)->used);
                co_return true;
            }
            const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
            if (left.count() <= 0 || end.pending.size() > kMaxHandshake) co_return false;
            const auto got = co_await end.socket.read_some(piece, left);
            if (!got) co_return false;
            end.pending.append(piece.data(), *got);
        }
    }

    awaitable<bool> shake_hands(EndPtr held) {
        auto& end = *held;
        const auto until = Clock::now() + limits.handshake;
        bool offered = false;
        auto greeting = [&offered](std::string_view octets) {
            auto parsed = parse_greeting(octets);
            if (parsed && *parsed) offered = (*parsed)->value;
            return parsed;
        };
        const bool greeted = co_await read_message(end, until, greeting);
        if (!greeted) co_return false;
        const auto method = co_await end.socket.write_all(offered ? kNoAuthentication : kNoMethod, limits.handshake);
        if (!method || !offered) co_return false;
        std::string name;
        auto request = [&name](std::string_view octets) {
            auto parsed = parse_request(octets);
            if (parsed && *parsed) name = (*parsed)->value;
            return parsed;
        };
        const bool asked = co_await read_message(end, until, request);
        if (!asked) co_return false;
        const auto others = waiting.find(name);
        const bool full = (others != waiting.end() && others->second.size() >= 2) || streams.contains(name);
        if (full || !end.pending.empty()) {  // nothing is to be said before the answer
            const auto answer = refused(kNotAllowed);
            co_await end.socket.write_all(answer, limits.handshake);
            co_return false;
        }
        end.name = name;
        waiting[name].push_back(held);
        const auto answer = granted(name);
        const auto told = co_await end.socket.write_all(answer, limits.handshake);
        co_return told.has_value();
    }

    void leave(End& end) {
        const auto at = waiting.find(end.name);
        if (at == waiting.end()) return;
        std::erase_if(at->second, [&](const auto& each) { return each.get() == &end; });
        if (at->second.empty()) waiting.erase(at);
    }

    /// Waits to be activated, then hands on what comes. True: the client has said all that it had to say.
    awaitable<bool> carry(End& end) {
        std::vector<char> piece(kPiece);
        for (;;) {
            const auto got = co_await end.socket.read_some(piece, end.stream ? limits.idle : limits.activation);
            const auto stream = end.stream;
            if (!stream) co_return false;  // gone, not activated in time, or it spoke before its turn
            if (!got && got.error() == asio::error::timed_out && Clock::now() - stream->touched < limits.idle)
                continue;  // just activated, or the other direction is at work
            if (!got) co_return got.error() == asio::error::eof;
            const auto sent = co_await stream->other(end).socket.write_all({piece.data(), *got}, limits.idle);
            if (!sent) co_return false;
            passed += *got;
            stream->touched = Clock::now();
            stream->bucket.take(static_cast<double>(*got), stream->touched);
            if (const auto debt = stream->bucket.debt(); debt.count() > 0) {
                asio::steady_timer timer{io, debt};
                co_await timer.async_wait(asio::use_awaitable);
            }
        }
    }

    void finish(End& end, bool whole) {
        const auto stream = end.stream;
        if (!stream) {
            leave(end);
            return end.socket.close();
        }
        if (whole) stream->other(end).socket.shutdown_send();  // the other direction goes on
        if (--stream->directions > 0 && whole) return;
        for (const auto& each : stream->ends) each->socket.close();
        if (stream->directions > 0) return;
        streams.erase(end.name);
        for (const auto& each : stream->ends) each->stream.reset();
    }

    Activation activate(const std::string& name) {
        if (streams.contains(name)) return Activation::taken;
        const auto at = waiting.find(name);
        if (at == waiting.end() || at->second.size() != 2) return Activation::not_connected;
        auto stream = std::make_shared<Stream>(limits.rate);
        std::ranges::copy(at->second, stream->ends.begin());
        waiting.erase(at);
        streams.emplace(name, stream);
        ++activated;
        for (const auto& end : stream->ends) end->stream = stream;
        return Activation::active;
    }

    void accept(net::Accepted accepted) {
        if (stopping) return;
        auto end = std::make_shared<End>(std::move(accepted));
        open.insert(end);
        ++open_now;
        asio::co_spawn(io, serve(shared_from_this(), std::move(end)), asio::detached);
    }

    void stop() {
        stopping = true;
        listeners.clear();
        for (const auto& end : open) end->socket.close();
    }

    asio::io_context& io;
    ProxyLimits limits;
    std::shared_ptr<net::ConnectionLimiter> limiter;
    std::vector<std::unique_ptr<net::Listener>> listeners;
    std::set<EndPtr> open;                               ///< that are still read
    std::map<std::string, std::vector<EndPtr>> waiting;  ///< by name, at most two
    std::map<std::string, std::shared_ptr<Stream>> streams;
    std::atomic<std::uint64_t> activated{0}, passed{0}, open_now{0};
    bool stopping = false;
};

Proxy::Proxy(asio::io_context& io, ProxyLimits limits) : impl_{std::make_shared<Impl>(io, limits)} {}

Proxy::~Proxy() { stop(); }

std::expected<std::uint16_t, std::string> Proxy::listen(std::string_view address, std::uint16_t port) {
    auto accept = [weak = std::weak_ptr{impl_}](net::Accepted accepted) {
        if (const auto impl = weak.lock()) impl->accept(std::move(accepted));
    };
    auto listener = net::Listener::open(impl_->io, address, port, impl_->limiter, std::move(accept));
    if (!listener) return std::unexpected{listener.error()};
    const auto bound = (*listener)->local().port();
    impl_->listeners.push_back(std::move(*listener));
    return bound;
}

std::uint16_t Proxy::port() const { return impl_->listeners.empty() ? 0 : impl_->listeners.front()->local().port(); }

void Proxy::activate(std::string name, std::function<void(Activation)> done) {
    asio::post(impl_->io, [weak = std::weak_ptr{impl_}, name = std::move(name), done = std::move(done)] {
        const auto impl = weak.lock();
        done(impl ? impl->activate(name) : Activation::not_connected);
    });
}

void Proxy::stop() { impl_->stop(); }

Proxy::Figures Proxy::figures() const { return {impl_->activated, impl_->passed, impl_->open_now}; }

}  // namespace carillon::bytestreams
