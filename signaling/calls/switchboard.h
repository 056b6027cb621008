/// Where the calls of a process live: one controller a shard, shared by all virtual hosts, so that users of two hosts
/// of one server can call one another, and calls outlive a reload of the module.
/// Not here: calls themselves (controller.h).
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "signaling/calls/controller.h"
#include "signaling/calls/media_relay.h"

namespace carillon::runtime {
class ModuleContext;
}

namespace carillon::calls {

class CallsModule;

/// Threading: of one shard.  Owns: the shard's calls and its access to relays.
struct ShardCalls {
    explicit ShardCalls(std::unique_ptr<MediaRelay> media_relay)
        : relay{std::move(media_relay)}, controller{relay.get()} {}

    std::unique_ptr<MediaRelay> relay;  // null: no relays
    Controller controller;
    std::map<std::string, CallsModule*, std::less<>> modules;  // by virtual host
};

/// A service of the process (runtime::ModuleContext::service). Threading: each slot belongs to its shard.
class Switchboard {
  public:
    explicit Switchboard(std::size_t shards) : slots_(shards) {}
    std::shared_ptr<ShardCalls>& slot(std::size_t shard) { return slots_.at(shard); }

  private:
    std::vector<std::shared_ptr<ShardCalls>> slots_;
};

/// What this shard has, made at the first asking. Without a Switchboard service each module has its own.
std::shared_ptr<ShardCalls> shard_calls(runtime::ModuleContext& context);

}  // namespace carillon::calls
