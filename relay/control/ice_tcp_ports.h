/// The shards' TCP ports for ICE as the control thread has them.
/// Spec: docs/relay.md, "ICE over TCP".
/// Not here: the connections that come there (icetcp/).
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "relay/icetcp/ice_tcp_port.h"
#include "relay/ports/port_allocator.h"

namespace carillon::relay {

/// Threading: the control thread.
class IceTcpPorts {
  public:
    /// Listens on `first` for the first shard, the next one for the second and so on, on every bind address. `first` of
    /// 0: nowhere. Throws std::runtime_error with the remedy.
    IceTcpPorts(const PortOptions& options, std::uint16_t first, std::size_t shards, const IceTcpLimits& limits);

    bool on() const { return first_ != 0; }
    /// A client that comes back after the worker has died knows its shard's number: a session is the same one's again.
    std::size_t shard_of(const std::string& session) const {
        return std::hash<std::string>{}(session) % counters_.size();
    }
    std::uint16_t number(std::size_t shard) const { return static_cast<std::uint16_t>(first_ + shard); }
    /// To be handed to the shard; once for each.
    std::unique_ptr<IceTcpPort> port_of(std::size_t shard);
    const std::vector<std::shared_ptr<IceTcpCounters>>& counters() const { return counters_; }
    /// What was refused or dropped, by reason, of all shards.
    std::map<std::string, std::uint64_t> drops() const;
    std::uint64_t connections() const;
    std::uint64_t packets() const;

  private:
    std::uint16_t first_;
    IceTcpLimits limits_;
    std::shared_ptr<IceTcpPlaces> places_;
    std::vector<std::vector<StreamSocket>> listeners_;  // by shard, until it has them
    std::vector<std::shared_ptr<IceTcpCounters>> counters_;
};

}  // namespace carillon::relay
