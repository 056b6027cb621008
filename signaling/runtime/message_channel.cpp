#include "signaling/runtime/message_channel.h"

#include <algorithm>

namespace carillon::runtime {

void LocalChannel::connect(Shard& shard, Receiver receive) {
    auto& end = ends_[shard.index()];
    end.shard = &shard;
    end.receive = std::move(receive);
}

void LocalChannel::send(std::size_t, std::size_t to, Messages messages) {
    auto& end = ends_[to];
    std::size_t count = 0;
    for (const auto& message : messages) count += std::max<std::size_t>(1, message.to.size());
    end.waiting.fetch_add(count, std::memory_order_relaxed);
    end.shard->post([&end, count, messages = std::move(messages)]() mutable {
        end.waiting.fetch_sub(count, std::memory_order_relaxed);
        end.receive(std::move(messages));
    });
}

}  // namespace carillon::runtime
