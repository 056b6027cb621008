/// What TURN has among a shard's sockets, and the shard's epoll set as it sees it.
/// Not here: what the sockets are for.
#pragma once
#include <sys/epoll.h>

#include "relay/engine/stream.h"

namespace carillon::relay {

/// Threading: its shard.  Stays where it is until the end of the round in which it was closed: an event may name it.
struct TurnPort : Port {
    virtual ~TurnPort() = default;
    virtual void ready(std::uint32_t events, SteadyTime now) = 0;
};

/// Threading: its shard.
class Poller {
  public:
    void use(int epoll) { epoll_ = epoll; }
    void add(Port& port, std::uint32_t events) { control(EPOLL_CTL_ADD, port, events); }
    void change(Port& port, std::uint32_t events) { control(EPOLL_CTL_MOD, port, events); }
    void remove(Port& port) { control(EPOLL_CTL_DEL, port, 0); }

  private:
    void control(int what, Port& port, std::uint32_t events) const {
        epoll_event event{.events = events, .data = {.ptr = &port}};
        ::epoll_ctl(epoll_, what, port.fd, &event);
    }
    int epoll_ = -1;
};

}  // namespace carillon::relay
