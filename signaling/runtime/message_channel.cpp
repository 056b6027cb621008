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

void LocalChannel::crowd(const xmpp::Jid& bare, bool crowded) {
    const std::lock_guard lock{crowded_mutex_};
    if (crowded) {
        crowded_.insert(bare);
    } else {
        crowded_.erase(bare);
    }
    any_crowded_.store(crowded_.size(), std::memory_order_relaxed);
}

bool LocalChannel::find_crowded(const xmpp::Jid& jid) const {
    const auto bare = jid.bare();
    const std::lock_guard lock{crowded_mutex_};
    return crowded_.contains(bare);
}

}  // namespace carillon::runtime
