/// What goes to other shards together, and one stanza for many receivers (runtime/fan_out.h).
#include <utility>

#include "signaling/router/delivery_rules.h"
#include "signaling/router/router.h"

namespace carillon::router {

using session::LocalAccount;
using xmpp::Stanza;

/// What follows one another to the same shard goes there together. Before anything is done here it is on its way, so
/// that it stays in order with what handlers post.
void Router::hand_over(std::size_t shard, runtime::Message message) {
    constexpr std::size_t kAtOnce = 512;
    outgoing_.resize(environment_.shards.size());
    outgoing_[shard].push_back(std::move(message));
    any_outgoing_ = true;
    if (!draining_ || outgoing_[shard].size() >= kAtOnce) flush();
}

void Router::flush() {
    if (!std::exchange(any_outgoing_, false)) return;
    for (std::size_t shard = 0; shard < outgoing_.size(); ++shard) {
        if (!outgoing_[shard].empty())
            environment_.channel->send(shard_.index(), shard, std::exchange(outgoing_[shard], {}));
    }
}

void Router::fan_out(const Stanza& stanza, const std::vector<xmpp::Jid>& to) {
    using runtime::Message;
    std::vector<std::vector<xmpp::Jid>> by_owner(environment_.shards.size());
    std::vector<xmpp::Jid> others;  // of other servers, and services
    for (const auto& each : to) {
        const bool of_account = !each.node().empty() && environment_.host(shard_.index(), each.domain());
        (of_account ? by_owner[environment_.owner(each)] : others).push_back(each);
    }
    auto here = std::move(by_owner[shard_.index()]);
    by_owner[shard_.index()].clear();
    for (std::size_t shard = 0; shard < by_owner.size(); ++shard) {
        if (!by_owner[shard].empty()) hand_over(shard, {Message::Purpose::each, stanza, std::move(by_owner[shard])});
    }
    flush();
    for (auto& each : others) {
        auto copy = stanza;
        copy.set_to(std::move(each));
        dispatch(std::move(copy), nullptr);
    }
    deliver_each(stanza, here);
}

/// To accounts of this shard. One copy serves for all whose turn is now and who are content with it.
void Router::deliver_each(const Stanza& stanza, const std::vector<xmpp::Jid>& to) {
    const bool simple = stanza.is_message() || (stanza.is_presence() && !is_subscription(stanza.type()));
    std::optional<Stanza> shared;
    for (const auto& each : to) {
        if (!shared) shared = stanza;
        shared->set_to(each);
        auto* account = simple ? sessions_.find(each.bare()) : nullptr;
        if (!account || !account->idle() || !account->exists() || !account->session(each.resource())) {
            dispatch(std::move(*shared), nullptr);
            shared.reset();
            continue;
        }
        routed_.add();
        const auto attributes = shared->element().attributes().size();
        const auto nodes = shared->element().nodes().size();
        const bool passed = deliver_at_once(*account, *shared);
        const bool same =
            shared->element().attributes().size() == attributes && shared->element().nodes().size() == nodes;
        if (!passed || !same) shared.reset();  // an interceptor had it, or changed it
    }
}

/// To the session of that account that `stanza` names: as perform() would.
bool Router::deliver_at_once(LocalAccount& account, Stanza& stanza) {
    if (account.host().handlers.intercept(runtime::Stage::to_local, stanza) == runtime::Verdict::taken) return false;
    auto* session = account.session(stanza.to().resource());
    if (!session) return false;
    delivered_.add();
    session->deliver(stanza);
    return true;
}

}  // namespace carillon::router
