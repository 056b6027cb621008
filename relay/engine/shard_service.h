/// Something with sockets of its own that lives on a data shard beside the streams.
/// Not here: what it does (turn/).
#pragma once
#include <cstdint>
#include <functional>

#include "config/base/clock.h"

namespace carillon::relay {

struct Port;

/// Threading: the shard's thread, from start() to its destruction.
class ShardService {
  public:
    virtual ~ShardService() = default;
    /// The shard's epoll set, before start(): for who watches for more than input.
    virtual void attach(int /*epoll*/) {}
    /// `watch(port)` has the shard look at a socket; the port stays where it is until flush() at least after it is
    /// closed.
    virtual void start(std::function<void(Port&)> watch) = 0;
    virtual void ready(Port& port, std::uint32_t events, SteadyTime now) = 0;
    /// After all that was ready in one round.
    virtual void flush() = 0;
    /// Whether several datagrams waited in this round: then more share the next awakening if it comes a little later.
    /// Asked once a round.
    virtual bool crowded() { return false; }
    /// Several times a second.
    virtual void tick(SteadyTime now) = 0;
};

}  // namespace carillon::relay
