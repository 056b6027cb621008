#include "signaling/calls/switchboard.h"

#include "signaling/runtime/module.h"

namespace carillon::calls {

std::shared_ptr<ShardCalls> shard_calls(runtime::ModuleContext& context) {
    auto* switchboard = context.service<Switchboard>();
    if (!switchboard) return std::make_shared<ShardCalls>(nullptr);
    auto& slot = switchboard->slot(context.shard());
    if (!slot) slot = std::make_shared<ShardCalls>(nullptr);
    return slot;
}

}  // namespace carillon::calls
