#include "signaling/stream/stream_stage.h"

#include "signaling/stream/connection.h"

namespace carillon::stream {

namespace {
constexpr std::chrono::seconds kTick{1};
}

StreamStage::StreamStage(host::Host& process, std::size_t index, const StreamOptions& how, net::TlsContext& context,
                         boost::asio::thread_pool& blocking, auth::LoginThrottle& throttle,
                         std::function<StreamStage&(std::size_t)> other)
    : Server{"stream"},
      host{process},
      stages{process.stages(index)},
      shard{stages.shard},
      options{how},
      tls{context},
      auth{stages.environment, blocking, throttle, how},
      parse{how},
      open{counter("open")},
      accepted{counter("accepted")},
      stream_errors{counter("stream_errors")},
      tls_failures{counter("tls_failures")},
      timeouts{counter("negotiation_timeouts")},
      lost{counter("lost")},
      too_slow{counter("too_slow")},
      keepalives{counter("keepalives")},
      throttled{counter("throttled")},
      hibernating{counter("hibernating")},
      resumed{counter("resumed")},
      not_resumed{counter("not_resumed")},
      overfull{counter("overfull")},
      ack_timeouts{counter("ack_timeouts")},
      of_shard_{std::move(other)},
      clock_{shard.io()} {}

void StreamStage::start() {
    clock_.expires_after(kTick);
    clock_.async_wait([this](auto error) {
        if (error) return;
        tick();
        start();
    });
}

void StreamStage::tick() {
    const auto now = stages.environment.clock->now();
    const std::vector<Connection*> all{connections_.begin(), connections_.end()};
    for (auto* connection : all) connection->tick(now);
    for (const auto& user : recovery.due(now)) recover(user);
    std::vector<Hibernation*> due;
    for (const auto& [hibernation, owned] : hibernations_) {
        if (now >= hibernation->deadline()) due.push_back(owned.get());
    }
    for (auto* hibernation : due) {
        if (!asleep(*hibernation)) continue;
        not_resumed.add();
        hibernation->expire();
    }
}

void StreamStage::recover(const xmpp::Jid& user) {
    if (recovery.empty()) return;
    auto messages = recovery.take(user);
    if (messages.empty()) return;
    stages.router.redeliver(user, std::move(messages));
    stages.router.drain();
}

Hibernation& StreamStage::hibernate(Surrendered held, Hibernation::Origin origin) {
    const auto deadline = stages.environment.clock->now() + held.management->patience();
    auto made = std::make_unique<Hibernation>(*this, std::move(held), std::move(origin), deadline);
    hibernating.add();
    return *hibernations_.emplace(made.get(), std::move(made)).first->second;
}

void StreamStage::forget(const Hibernation& hibernation) {
    const auto at = hibernations_.find(&hibernation);
    if (at == hibernations_.end()) return;
    hibernating.subtract();
    // It is on the stack: it goes when the loop has its turn again.
    shard.post([kept = std::shared_ptr<Hibernation>{std::move(at->second)}] {});
    hibernations_.erase(at);
}

void StreamStage::close_all(std::string_view condition, std::string_view text) {
    ending = true;
    const std::vector<Connection*> all{connections_.begin(), connections_.end()};
    for (auto* connection : all) connection->close(condition, text);
    std::vector<Hibernation*> asleep_now;
    for (const auto& [hibernation, owned] : hibernations_) asleep_now.push_back(owned.get());
    for (auto* hibernation : asleep_now) {
        if (asleep(*hibernation)) hibernation->expire();
    }
}

}  // namespace carillon::stream
