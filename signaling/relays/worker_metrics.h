/// What each relay worker tells of itself, as gauges with the worker's name.
/// Spec: docs/relay.md.  Not here: placement, which asks for itself (calls/placement.h).
#pragma once
#include <memory>

#include <boost/asio/io_context.hpp>

#include "config/base/metrics.h"
#include "signaling/relays/commands.h"

namespace carillon::relays {

/// Asks each worker every five seconds, anew each time; who does not answer has carillon_relay_up 0.
/// Threading: the io_context's thread.  `registry` must outlive it.
class WorkerMetrics {
  public:
    WorkerMetrics(boost::asio::io_context& io, Workers workers, metrics::Registry& registry);
    ~WorkerMetrics();

  private:
    struct State;
    static void ask_all(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
};

}  // namespace carillon::relays
