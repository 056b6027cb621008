/// A worker whose server has died carries its calls to their end, and then ends too.
/// Spec: docs/relay.md.
#pragma once
#include <chrono>
#include <functional>

#include <boost/asio/steady_timer.hpp>

#include "relay/control/server.h"

namespace carillon::relay {

/// Threading: the control thread.
class OrphanWatch {
  public:
    /// `end` once nobody has been on the control socket, and nothing carried, for `limit`; 0: never.
    OrphanWatch(boost::asio::io_context& io, Worker& worker, ControlServer& server, std::chrono::milliseconds limit,
                std::function<void()> end);

  private:
    void wait();
    void look();

    Worker& worker_;
    ControlServer& server_;
    std::chrono::milliseconds limit_;
    std::function<void()> end_;
    boost::asio::steady_timer timer_;
    std::chrono::steady_clock::time_point idle_since_ = std::chrono::steady_clock::now();
};

}  // namespace carillon::relay
