/// Publish-subscribe in memory for scenarios: same answers, no disk. A disk that fails can be asked for.
#pragma once
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "signaling/storage/pubsub_store.h"

namespace carillon::scenarios {

using storage::awaitable;

/// Threading: any thread.
class MemoryPubsub final : public storage::PubsubStore {
  public:
    std::atomic<bool> fail_writes{false};

    awaitable<pubsub::Snapshot> load(xmpp::Jid service) override {
        const std::lock_guard lock{mutex_};
        auto found = services_[service];
        std::ranges::sort(found.items, {}, &pubsub::ItemRecord::sequence);
        co_return found;
    }
    awaitable<void> apply(xmpp::Jid service, std::vector<pubsub::Change> changes) override {
        if (fail_writes) throw storage::StorageError{"asked to fail"};
        const std::lock_guard lock{mutex_};
        for (auto& change : changes) std::visit(Writer{services_[service], payloads_[service]}, change);
        co_return;
    }
    awaitable<std::vector<std::optional<std::string>>> payloads(xmpp::Jid service, std::string node,
                                                                std::vector<std::string> ids) override {
        const std::lock_guard lock{mutex_};
        std::vector<std::optional<std::string>> found;
        const auto& all = payloads_[service];
        for (const auto& id : ids) {
            const auto at = all.find({node, id});
            found.push_back(at == all.end() ? std::nullopt : std::optional{at->second});
        }
        co_return found;
    }

  private:
    using Payloads = std::map<std::pair<std::string, std::string>, std::string>;
    struct Writer {
        pubsub::Snapshot& service;
        Payloads& payloads;

        void operator()(pubsub::change::PutNode& put) {
            std::erase_if(service.nodes, [&](const auto& node) { return node.name == put.node.name; });
            service.nodes.push_back(std::move(put.node));
        }
        void operator()(pubsub::change::DropNode& drop) {
            const auto is_its = [&](const auto& record) { return record.node == drop.name; };
            std::erase_if(service.nodes, [&](const auto& node) { return node.name == drop.name; });
            std::erase_if(service.affiliations, is_its);
            std::erase_if(service.subscriptions, is_its);
            purge(drop.name);
        }
        void operator()(pubsub::change::PutAffiliation& put) {
            const auto& one = put.affiliation;
            std::erase_if(service.affiliations,
                          [&](const auto& old) { return old.node == one.node && old.jid == one.jid; });
            if (one.affiliation != 0) service.affiliations.push_back(one);
        }
        void operator()(pubsub::change::PutSubscription& put) {
            const auto& one = put.subscription;
            drop(one.node, one.jid, one.subid);
            service.subscriptions.push_back(one);
        }
        void operator()(pubsub::change::DropSubscription& gone) { drop(gone.node, gone.jid, gone.subid); }
        void operator()(pubsub::change::PutItem& put) {
            erase(put.item.node, put.item.id);
            payloads[{put.item.node, put.item.id}] = std::move(put.payload);
            service.items.push_back(std::move(put.item));
        }
        void operator()(pubsub::change::DropItem& gone) { erase(gone.node, gone.id); }
        void operator()(pubsub::change::PurgeItems& gone) { purge(gone.node); }

        void drop(const std::string& node, const xmpp::Jid& jid, const std::string& subid) {
            std::erase_if(service.subscriptions,
                          [&](const auto& old) { return old.node == node && old.jid == jid && old.subid == subid; });
        }
        void erase(const std::string& node, const std::string& id) {
            std::erase_if(service.items, [&](const auto& old) { return old.node == node && old.id == id; });
            payloads.erase({node, id});
        }
        void purge(const std::string& node) {
            std::erase_if(service.items, [&](const auto& old) { return old.node == node; });
            std::erase_if(payloads, [&](const auto& each) { return each.first.first == node; });
        }
    };

    std::mutex mutex_;
    std::map<xmpp::Jid, pubsub::Snapshot> services_;
    std::map<xmpp::Jid, Payloads> payloads_;
};

}  // namespace carillon::scenarios
