/// Where the calls of a process live: one controller a shard, shared by all virtual hosts, so that users of two hosts
/// of one server can call one another, and calls outlive a reload of the module.
/// Not here: calls themselves (controller.h).
#pragma once
#include <functional>
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
class Endpoint;
class JingleNodes;
class VoicemailOffice;

/// Threading: of one shard.  Owns: the shard's calls and its access to relays.
struct ShardCalls {
    explicit ShardCalls(std::unique_ptr<MediaRelay> media_relay, std::shared_ptr<TapBooks> tap_books = nullptr,
                        std::shared_ptr<CallExporter> call_exporter = nullptr)
        : relay{std::move(media_relay)},
          books{std::move(tap_books)},
          exporter{std::move(call_exporter)},
          controller{relay.get(), books.get(), exporter.get()} {}

    std::unique_ptr<MediaRelay> relay;       // null: no relays
    std::shared_ptr<TapBooks> books;         // null: not counted
    std::shared_ptr<CallExporter> exporter;  // null: nobody watches
    Controller controller;
    std::map<std::string, CallsModule*, std::less<>> modules;  // by virtual host
    std::map<std::string, JingleNodes*, std::less<>> nodes;    // by virtual host
    std::map<std::string, Endpoint*, std::less<>> endpoints;   // by bare JID
    // By virtual host: what answers for its users, and whoever knows whether it may.
    struct StandsIn {
        Endpoint* endpoint = nullptr;
        std::weak_ptr<VoicemailOffice> office;
    };
    std::map<std::string, StandsIn, std::less<>> stand_ins;
};

/// A service of the process (runtime::ModuleContext::service). Threading: each slot belongs to its shard.
class Switchboard {
  public:
    /// Makes the shard's access to relays, on that shard; nullptr: there are none.
    using RelayFactory = std::function<std::unique_ptr<MediaRelay>(std::size_t shard)>;

    Switchboard(std::size_t shards, RelayFactory factory) : factory_{std::move(factory)}, slots_(shards) {}
    std::shared_ptr<ShardCalls> slot(std::size_t shard);
    TapBooks& books() { return *books_; }
    /// Before the first slot is made.
    void export_to(std::shared_ptr<CallExporter> exporter) { exporter_ = std::move(exporter); }
    std::shared_ptr<const TapBooks> share_books() const { return books_; }

  private:
    std::shared_ptr<TapBooks> books_ = std::make_shared<TapBooks>();
    std::shared_ptr<CallExporter> exporter_;
    RelayFactory factory_;
    std::vector<std::shared_ptr<ShardCalls>> slots_;
};

/// What this shard has, made at the first asking. Without a Switchboard service each module has its own.
std::shared_ptr<ShardCalls> shard_calls(runtime::ModuleContext& context);

}  // namespace carillon::calls
