/// What a stream has at its shard's TCP port: the names by which connections find one of its legs.
/// Spec: docs/relay.md, "ICE over TCP".  Not here: the connections (ice_tcp_connection.h).
#pragma once
#include <string>
#include <vector>

namespace carillon::relay {

class IceTcpPort;
class Stream;

/// Threading: its shard.  Owned by the stream, with which its connections end.
class IceTcpSeat {
  public:
    IceTcpSeat(IceTcpPort& at, Stream& stream, std::size_t leg);
    ~IceTcpSeat();
    IceTcpSeat(const IceTcpSeat&) = delete;
    IceTcpSeat& operator=(const IceTcpSeat&) = delete;

    /// Credentials may be others than before.
    void renew();
    Stream& stream() { return stream_; }
    std::size_t leg() const { return leg_; }

  private:
    friend class IceTcpPort;
    IceTcpPort& at_;
    Stream& stream_;
    std::size_t leg_;
    std::vector<std::string> names_;
};

}  // namespace carillon::relay
