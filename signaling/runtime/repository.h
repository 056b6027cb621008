/// Knows all plugins and their modules; puts the modules that a virtual host's configuration names on every shard, and
/// starts, stops or reloads one while the rest serves.
/// Not here: what a module may do (module.h), how one instance ends (module_instance.h).
#pragma once
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "signaling/runtime/environment.h"
#include "signaling/runtime/module.h"

namespace carillon::runtime {

/// Which modules a virtual host runs: those enabled by default, plus the tables named, minus `off`.
struct ModuleSelection {
    std::map<std::string, config::Value, std::less<>> settings;  ///< by module name: its table
    std::set<std::string, std::less<>> off;
};

struct ModuleState {
    ModuleInfo info;
    std::string host;
    bool loaded = false;
};

/// Threading: any thread but a shard's: calls wait until every shard has done its part. One call at a time.
class Repository {
  public:
    using Result = std::expected<void, std::string>;  ///< the error is for people

    explicit Repository(Environment& environment) : environment_{environment} {}

    /// Two modules of one name are an error.
    Result add(std::vector<ModuleDescriptor> modules);
    Result add_plugin(const std::string& file);
    /// The choice of a virtual host; names that no plugin knows are errors.
    Result select(const std::string& host, ModuleSelection selection);

    /// Makes every selected module on every shard, while these run and nobody is connected yet.
    Result start();
    /// Takes all modules down; the shards still run.
    void stop();

    Result load(const std::string& host, const std::string& module);
    Result unload(const std::string& host, const std::string& module);
    Result reload(const std::string& host, const std::string& module);
    /// Takes a new choice over for a running host: loads, unloads and reloads what differs, nothing else.
    Result apply(const std::string& host, ModuleSelection selection);

    std::vector<ModuleState> list() const;
    std::vector<std::string> hosts() const;

  private:
    struct Running {
        ModuleSelection selection;
        std::set<std::string, std::less<>> loaded;
    };
    const ModuleDescriptor* find(std::string_view module) const;
    std::set<std::string, std::less<>> wanted(const ModuleSelection& selection) const;
    Result check(const ModuleSelection& selection) const;
    Result replace(const std::string& host, const std::string& module, bool put_in);
    Result change(const std::string& host, const std::string& module, bool must_be_loaded, bool put_in);

    Environment& environment_;
    mutable std::mutex mutex_;  // control calls only; never taken on a shard
    std::vector<std::unique_ptr<ModuleDescriptor>> modules_;
    std::map<std::string, Running, std::less<>> running_;  ///< by host
};

}  // namespace carillon::runtime
