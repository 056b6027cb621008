#include "signaling/stream/stream_server.h"

#include <csignal>
#include <future>
#include <thread>

#include "signaling/stream/connection.h"

namespace carillon::stream {

namespace {
constexpr std::size_t kPipe = 64 * 1024;  // octets each way
}

StreamServer::StreamServer(host::Host& host, StreamOptions options, net::TlsContext& tls, ConnectionLimits limits)
    : host_{host},
      options_{std::move(options)},
      tls_{tls},
      balancers_{std::move(limits.balancers)},
      throttle_{options_.throttle},
      limiter_{std::make_shared<net::ConnectionLimiter>(limits.per_address, limits.total, limits.rate)} {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(): a client that is gone must not end the process
    for (std::size_t i = 0; i < host_.shard_count(); ++i) {
        stages_.push_back(
            std::make_unique<StreamStage>(host_, i, options_, tls_, blocking_, throttle_,
                                          [this](std::size_t other) -> StreamStage& { return *stages_[other]; }));
    }
}

StreamServer::~StreamServer() { blocking_.join(); }

StreamServer::Result StreamServer::listen(const std::string& address, std::uint16_t port, bool direct_tls) {
    if (!std::exchange(ticking_, true)) {
        for (auto& stage : stages_) stage->shard.post([stage = stage.get()] { stage->start(); });
        take_over();
    }
    std::promise<Result> done;
    stages_[0]->shard.post([&] {
        auto listener = net::Listener::open(
            stages_[0]->shard.io(), address, port, limiter_,
            [this, direct_tls](net::Accepted accepted) { accept(std::move(accepted), direct_tls); }, balancers_);
        if (!listener) return done.set_value(std::unexpected{listener.error()});
        ports_.push_back((*listener)->local().port());
        listeners_.push_back(std::move(*listener));
        done.set_value({});
    });
    return done.get_future().get();
}

/// What the process before this one sent and nobody acknowledged waits for its clients to come back.
void StreamServer::take_over() {
    const auto until = host_.environment().clock->now() + options_.resume_timeout;
    for (auto& left : host_.take_left()) {
        auto& stage = *stages_[host_.environment().owner(left.user)];
        stage.shard.post([&stage, until, left = std::make_shared<host::Left>(std::move(left))] {
            if (!left->message) return stage.recovery.add_stream(left->user, left->stream, left->sequence, until);
            auto custody = left->message->custody();
            if (custody) {
                custody->waits_for(left->stream, left->sequence);  // should this process die as well
                custody->waits_no_more();
            }
            session::Undelivered message{std::move(*left->message).release(), std::move(custody), left->when};
            stage.recovery.add_message(left->user, left->stream, left->sequence, std::move(message), until);
        });
    }
}

void StreamServer::accept(net::Accepted accepted, bool direct_tls) {
    auto& stage = *stages_[next_shard_++ % stages_.size()];
    stage.shard.post([&stage, direct_tls, accepted = std::make_shared<net::Accepted>(std::move(accepted))] {
        std::make_shared<Connection>(stage, std::move(*accepted), direct_tls)->start();
    });
}

bool StreamServer::adopt(http::Upgraded upgraded) {
    boost::system::error_code error;
    const auto peer = boost::asio::ip::make_address(upgraded.socket.peer_address(), error);
    auto place = error ? nullptr : limiter_->admit(peer);
    if (!place) return false;
    // Nobody listens in on the loopback interface: a reverse proxy there has ended TLS, or there is no network at all.
    const bool secure = peer.is_loopback();
    Connection::WebSocket web{std::move(upgraded.socket), std::move(place), std::move(upgraded.pending),
                              std::move(upgraded.request.peer), secure};
    stages_[0]->shard.post([this, web = std::make_shared<Connection::WebSocket>(std::move(web))] {
        auto& stage = *stages_[next_shard_++ % stages_.size()];
        stage.shard.post([&stage, web] { std::make_shared<Connection>(stage, std::move(*web))->start(); });
    });
    return true;
}

std::optional<net::PipeEnd> StreamServer::open_pipe(const std::string& peer, bool secure) {
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(peer, error);
    auto place = error ? nullptr : limiter_->admit(address);
    if (!place) return std::nullopt;
    auto [ours, theirs] = net::make_pipe(kPipe);
    ours.peer = theirs.peer = peer;
    ours.encrypted = theirs.encrypted = secure;
    stages_[0]->shard.post([this, secure, peer, ours = std::move(ours), place = std::move(place)]() mutable {
        auto& stage = *stages_[next_shard_++ % stages_.size()];
        Connection::WebSocket web{net::Socket{stage.shard.io(), std::move(ours)}, std::move(place), {}, peer, secure};
        stage.shard.post([&stage, web = std::make_shared<Connection::WebSocket>(std::move(web))] {
            std::make_shared<Connection>(stage, std::move(*web))->start();
        });
    });
    return std::move(theirs);
}

void StreamServer::stop_listening() {
    std::promise<void> done;
    stages_[0]->shard.post([&] {
        listeners_.clear();
        done.set_value();
    });
    done.get_future().wait();
}

void StreamServer::shutdown(std::string_view condition, std::chrono::milliseconds patience) {
    stop_listening();
    for (auto& stage : stages_) {
        stage->shard.post([stage = stage.get(), why = std::string{condition}] { stage->close_all(why, {}); });
    }
    const auto until = std::chrono::steady_clock::now() + patience;
    while (open_connections() > 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

std::size_t StreamServer::open_connections() const {
    std::size_t sum = 0;
    for (const auto& stage : stages_) sum += stage->open.value();
    return sum;
}

runtime::CounterValues StreamServer::counters() const {
    runtime::CounterValues sum;
    for (const auto& stage : stages_) {
        for (const runtime::Server* server :
             {static_cast<const runtime::Server*>(stage.get()), static_cast<const runtime::Server*>(&stage->auth),
              static_cast<const runtime::Server*>(&stage->parse)}) {
            server->counters().collect(server->name(), sum);
        }
    }
    return sum;
}

}  // namespace carillon::stream
