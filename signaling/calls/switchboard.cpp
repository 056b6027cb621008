#include "signaling/calls/switchboard.h"

#include "signaling/runtime/module.h"

namespace carillon::calls {

std::shared_ptr<ShardCalls> Switchboard::slot(std::size_t shard) {
    auto& slot = slots_.at(shard);
    if (!slot) slot = std::make_shared<ShardCalls>(factory_ ? factory_(shard) : nullptr, books_, exporter_);
    return slot;
}

std::shared_ptr<ShardCalls> shard_calls(runtime::ModuleContext& context) {
    if (auto* switchboard = context.service<Switchboard>()) return switchboard->slot(context.shard());
    return std::make_shared<ShardCalls>(nullptr);
}

}  // namespace carillon::calls
