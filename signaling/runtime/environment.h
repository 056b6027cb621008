/// What every virtual host on every shard stands on: made by the Host before the shards start, constant afterwards.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <vector>

#include "config/base/clock.h"
#include "signaling/runtime/shard.h"

namespace carillon::storage {
class Storage;
}

namespace carillon::journal {
class Journal;
}

namespace carillon::runtime {

class VirtualHost;
class MessageChannel;
class Foreign;

/// Owns: the virtual hosts. Threading: constant while shards run; each VirtualHost belongs to its shard.
struct Environment {
    Environment();
    ~Environment();
    using HostsOfShard = std::map<std::string, std::unique_ptr<VirtualHost>, std::less<>>;

    storage::Storage* storage = nullptr;
    const Clock* clock = nullptr;
    MessageChannel* channel = nullptr;
    Foreign* foreign = nullptr;  ///< the way to other servers; nullptr: there is none
    std::map<std::type_index, void*> services;
    std::vector<Shard*> shards;
    std::vector<HostsOfShard> hosts;                          ///< by shard index, then domain
    std::vector<std::unique_ptr<journal::Journal>> journals;  ///< by shard index; empty: nothing outlives the process

    /// The virtual host of that domain on that shard, or nullptr.
    VirtualHost* host(std::size_t shard, std::string_view domain) const {
        const auto at = hosts[shard].find(domain);
        return at == hosts[shard].end() ? nullptr : at->second.get();
    }
    journal::Journal* journal(std::size_t shard) const { return journals.empty() ? nullptr : journals[shard].get(); }
    std::size_t owner(const xmpp::Jid& jid) const { return owner_hash(jid) % shards.size(); }
};

}  // namespace carillon::runtime
