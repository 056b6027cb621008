#include "signaling/stream/stream_stage.h"

#include "signaling/stream/connection.h"

namespace carillon::stream {

namespace {
constexpr std::chrono::seconds kTick{1};
}

StreamStage::StreamStage(host::Host& process, std::size_t index, const StreamOptions& how, net::TlsContext& context,
                         boost::asio::thread_pool& blocking, std::function<StreamStage&(std::size_t)> other)
    : Server{"stream"},
      host{process},
      stages{process.stages(index)},
      shard{stages.shard},
      options{how},
      tls{context},
      auth{stages.environment, blocking, how},
      parse{how},
      open{counter("open")},
      accepted{counter("accepted")},
      stream_errors{counter("stream_errors")},
      tls_failures{counter("tls_failures")},
      timeouts{counter("negotiation_timeouts")},
      lost{counter("lost")},
      too_slow{counter("too_slow")},
      keepalives{counter("keepalives")},
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
}

void StreamStage::close_all(std::string_view condition, std::string_view text) {
    const std::vector<Connection*> all{connections_.begin(), connections_.end()};
    for (auto* connection : all) connection->close(condition, text);
}

}  // namespace carillon::stream
