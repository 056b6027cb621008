/// A leg's seat at its shard's ICE port: by which names it is called there, and which addresses are its own.
/// Spec: docs/relay.md, "One port for ICE".
/// Not here: who is told apart from whom (ice_port.h).
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "relay/bridge/ice_lite.h"
#include "relay/learning/path.h"

namespace carillon::relay {

class BridgedLeg;
class IcePort;
class Stream;
struct Port;

/// Threading: its shard.  Owned by the stream, whose end gives names and addresses back.
class IceSeat {
  public:
    /// `ports`: the stream's, of this leg, by socket.
    IceSeat(IcePort& at, Stream& stream, BridgedLeg& leg, std::vector<Port*> ports);
    ~IceSeat();
    IceSeat(const IceSeat&) = delete;
    IceSeat& operator=(const IceSeat&) = delete;

    /// The leg's own credentials may be others than before.
    void renew();

  private:
    friend class IcePort;
    IceLite& ice();

    IcePort& at_;
    Stream& stream_;
    BridgedLeg& leg_;
    std::vector<Port*> ports_;
    std::vector<std::string> names_;  // own ufrags that lead here
    std::array<Path, IceLearner::kMaxProven> paths_{};
    std::size_t path_count_ = 0;
    std::optional<stun::TransactionId> asked_;  // under way to an address that another seat holds
    Path claimed_;
};

}  // namespace carillon::relay
