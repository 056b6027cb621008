/// One domain on one shard: its modules and what they registered.
#pragma once
#include <expected>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "signaling/runtime/command_registry.h"
#include "signaling/runtime/counters.h"
#include "signaling/runtime/disco_registry.h"
#include "signaling/runtime/dispatch.h"
#include "signaling/runtime/environment.h"
#include "signaling/runtime/handler_registry.h"
#include "signaling/runtime/module_instance.h"

namespace carillon::runtime {

/// Threading: its shard, apart from `domain` and `shard`, which never change.
class VirtualHost {
  public:
    VirtualHost(Environment& environment, xmpp::Jid name, Shard& home)
        : domain{std::move(name)}, shard{home}, environment_{environment} {}

    const xmpp::Jid domain;
    Shard& shard;
    HandlerRegistry handlers;
    DiscoRegistry disco;
    CommandRegistry commands;
    Counters counters;  ///< of its modules, by "<module>.<name>"
    std::list<xml::Element> stream_features;
    std::list<std::function<std::optional<xml::Element>()>> computed_stream_features;
    std::list<std::function<std::optional<xml::Element>(const Stranger&)>> login_features;
    Dispatch* dispatch = nullptr;  ///< set before any module is made

    /// What modules add to the <stream:features/> after log-in.
    std::vector<xml::Element> features_after_login() const {
        std::vector<xml::Element> all{stream_features.begin(), stream_features.end()};
        for (const auto& make_feature : computed_stream_features) {
            if (auto feature = make_feature()) all.push_back(std::move(*feature));
        }
        return all;
    }
    /// What modules add to the features that this stranger gets.
    std::vector<xml::Element> features_before_login(const Stranger& stranger) const {
        std::vector<xml::Element> all;
        for (const auto& make_feature : login_features) {
            if (auto feature = make_feature(stranger)) all.push_back(std::move(*feature));
        }
        return all;
    }
    /// The instance of that module here, or nullptr.
    ModuleInstance* find(std::string_view name) {
        const auto at = modules_.find(name);
        return at == modules_.end() ? nullptr : at->second.get();
    }
    /// Takes the module `name` out when it is there, once it is at rest, and in the same turn of the loop puts `next`
    /// in its place when given: no stanza meets a gap. The error is for people.
    awaitable<std::expected<void, std::string>> replace(std::string name, const ModuleDescriptor* next,
                                                        config::Value settings);
    /// Makes a module at start-up; what its constructor throws passes through.
    void make(const ModuleDescriptor& descriptor, config::Value settings);
    void clear_modules() { modules_.clear(); }

  private:
    Environment& environment_;
    std::map<std::string, std::unique_ptr<ModuleInstance>, std::less<>> modules_;  // last: goes before its registries
};

}  // namespace carillon::runtime
