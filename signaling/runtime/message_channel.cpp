#include "signaling/runtime/message_channel.h"

namespace carillon::runtime {

void LocalChannel::connect(Shard& shard, Receiver receive) {
    auto& end = ends_[shard.index()];
    end.shard = &shard;
    end.receive = std::move(receive);
}

void LocalChannel::send(std::size_t, std::size_t to, Message message) {
    auto& end = ends_[to];
    end.waiting.fetch_add(1, std::memory_order_relaxed);
    end.shard->post([&end, message = std::move(message)]() mutable {
        end.waiting.fetch_sub(1, std::memory_order_relaxed);
        end.receive(std::move(message));
    });
}

}  // namespace carillon::runtime
