/// A connection as a stream sees it: another way to an endpoint, beside its sockets.
/// Spec: RFC 6544.  Not here: the connection itself (icetcp/).
#pragma once
#include <cstddef>

#include "config/base/bytes.h"
#include "config/base/clock.h"

namespace carillon::relay {

struct Port;

/// Threading: its stream's shard.
class TcpLink {
  public:
    static constexpr std::size_t kMost = 4;  ///< of a component; one more, and the least useful one is closed

    /// False: it was dropped, for the endpoint takes less than it is sent. Never waits.
    virtual bool send(Bytes datagram) = 0;
    /// What comes by it comes by that port of its stream.
    virtual const Port& place() const = 0;
    virtual SteadyTime heard() const = 0;
    virtual void close() = 0;

  protected:
    ~TcpLink() = default;
};

}  // namespace carillon::relay
