/// The shards' ICE ports as the control thread has them: which number is which shard's, and which user name is whose.
/// Spec: docs/relay.md, "One port for ICE".
/// Not here: the packets that come there (engine/ice_port.h).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/engine/ice_port.h"
#include "relay/ports/port_allocator.h"

namespace carillon::relay {

/// Threading: the control thread.  The sockets are the shards', which outlive this object's use.
class IcePorts {
  public:
    /// Binds `first` for the first shard, the next one for the second and so on, on every bind address. `first` of 0:
    /// there are none. Throws std::runtime_error with the remedy.
    IcePorts(const PortOptions& options, std::uint16_t first, std::size_t shards);

    bool on() const { return !descriptors_.empty(); }
    /// To be handed to the shard; once for each.
    std::unique_ptr<IcePort> port_of(std::size_t shard);
    /// A leg's component there.
    BoundPort seat(std::size_t shard) const;
    /// Whose port that is; nullopt: none of them.
    std::optional<std::size_t> shard_of(std::uint16_t port) const;

    /// Whether `ufrag` leads to that leg from now on: false when it is another one's. A leg has as many as ICE keeps
    /// generations.
    bool claim(const std::string& leg, const std::string& ufrag);
    bool sits(const std::string& leg) const { return names_.contains(leg); }
    void release(const std::string& leg);
    std::size_t legs() const { return names_.size(); }
    const std::vector<std::shared_ptr<IcePortCounters>>& counters() const { return counters_; }
    /// What was not passed on, by reason, of all shards.
    std::map<std::string, std::uint64_t> drops() const;

  private:
    std::uint16_t first_;
    std::vector<std::vector<UdpSocket>> sockets_;  // by shard, until it has them
    std::vector<std::vector<int>> descriptors_;    // by shard
    std::vector<std::shared_ptr<IcePortCounters>> counters_;
    std::unordered_map<std::string, std::vector<std::string>> names_;  // ufrags by leg, newest last
    std::unordered_map<std::string, std::string> legs_;                // by ufrag
};

}  // namespace carillon::relay
