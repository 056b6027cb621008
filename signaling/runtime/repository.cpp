#include "signaling/runtime/repository.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "config/base/log.h"
#include "signaling/runtime/plugin.h"
#include "signaling/runtime/virtual_host.h"

namespace carillon::runtime {

namespace asio = boost::asio;

namespace {

/// Whether two settings tables say the same.
bool same(const config::Value& a, const config::Value& b) {
    if (a.data().index() != b.data().index()) return false;
    if (const auto* table = a.get_if<config::Value::Table>()) {
        const auto& other = *b.get_if<config::Value::Table>();
        return std::equal(table->begin(), table->end(), other.begin(), other.end(),
                          [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
    }
    if (const auto* array = a.get_if<config::Value::Array>()) {
        const auto& other = *b.get_if<config::Value::Array>();
        return std::equal(array->begin(), array->end(), other.begin(), other.end(), same);
    }
    if (const auto* text = a.get_if<std::string>()) return *text == *b.get_if<std::string>();
    if (const auto* number = a.get_if<std::int64_t>()) return *number == *b.get_if<std::int64_t>();
    if (const auto* real = a.get_if<double>()) return *real == *b.get_if<double>();
    if (const auto* truth = a.get_if<bool>()) return *truth == *b.get_if<bool>();
    return true;
}

config::Value settings_of(const ModuleSelection& selection, const std::string& module) {
    const auto at = selection.settings.find(module);
    return at == selection.settings.end() ? config::Value{config::Value::Table{}} : at->second;
}

}  // namespace

const ModuleDescriptor* Repository::find(std::string_view module) const {
    for (const auto& descriptor : modules_) {
        if (descriptor->info.name == module) return descriptor.get();
    }
    return nullptr;
}

Repository::Result Repository::add(std::vector<ModuleDescriptor> modules) {
    const std::lock_guard lock{mutex_};
    for (auto& descriptor : modules) {
        if (find(descriptor.info.name)) {
            return std::unexpected{"two modules are called " + std::string{descriptor.info.name}};
        }
        modules_.push_back(std::make_unique<ModuleDescriptor>(std::move(descriptor)));
    }
    return {};
}

Repository::Result Repository::add_plugin(const std::string& file) {
    auto modules = load_plugin(file);
    if (!modules) return std::unexpected{modules.error()};
    return add(std::move(*modules));
}

Repository::Result Repository::check(const ModuleSelection& selection) const {
    for (const auto& [name, settings] : selection.settings) {
        if (!find(name)) return std::unexpected{"there is no module " + name};
    }
    for (const auto& name : selection.off) {
        if (!find(name)) return std::unexpected{"there is no module " + name};
    }
    return {};
}

std::set<std::string, std::less<>> Repository::wanted(const ModuleSelection& selection) const {
    std::set<std::string, std::less<>> names;
    for (const auto& descriptor : modules_) {
        const std::string name{descriptor->info.name};
        if ((descriptor->enabled_by_default || selection.settings.contains(name)) && !selection.off.contains(name)) {
            names.insert(name);
        }
    }
    return names;
}

Repository::Result Repository::select(const std::string& host, ModuleSelection selection) {
    const std::lock_guard lock{mutex_};
    if (auto checked = check(selection); !checked) return std::unexpected{host + ": " + checked.error()};
    running_[host].selection = std::move(selection);
    return {};
}

Repository::Result Repository::replace(const std::string& host, const std::string& module, bool put_in) {
    const auto* descriptor = put_in ? find(module) : nullptr;
    const auto& selection = running_[host].selection;
    for (auto* shard : environment_.shards) {
        auto* there = environment_.host(shard->index(), host);
        auto done = asio::co_spawn(shard->io(), there->replace(module, descriptor, settings_of(selection, module)),
                                   asio::use_future);
        if (auto result = done.get(); !result) return result;
    }
    return {};
}

Repository::Result Repository::start() {
    const std::lock_guard lock{mutex_};
    for (auto& [host, running] : running_) {
        for (const auto& module : wanted(running.selection)) {
            if (auto made = replace(host, module, true); !made) return std::unexpected{host + ": " + made.error()};
            running.loaded.insert(module);
        }
    }
    return {};
}

void Repository::stop() {
    const std::lock_guard lock{mutex_};
    for (auto& [host, running] : running_) {
        for (const auto& module : running.loaded) {
            if (auto ended = replace(host, module, false); !ended) {
                log::warning("module does not come to rest", {{"host", host}, {"why", ended.error()}});
            }
        }
        running.loaded.clear();
    }
}

Repository::Result Repository::change(const std::string& host, const std::string& module, bool must_be_loaded,
                                      bool put_in) {
    const auto at = running_.find(host);
    if (at == running_.end()) return std::unexpected{"there is no host " + host};
    if (!find(module)) return std::unexpected{"there is no module " + module};
    auto& loaded = at->second.loaded;
    if (loaded.contains(module) != must_be_loaded) {
        return std::unexpected{"module " + module + (must_be_loaded ? " is not loaded" : " is loaded already")};
    }
    auto result = replace(host, module, put_in);
    if (!result && put_in) {
        if (auto undone = replace(host, module, false); undone) loaded.erase(module);
        return result;
    }
    if (!result) return result;
    if (put_in) {
        loaded.insert(module);
    } else {
        loaded.erase(module);
    }
    log::info("module changed", {{"host", host}, {"module", module}, {"loaded", put_in}});
    return {};
}

Repository::Result Repository::load(const std::string& host, const std::string& module) {
    const std::lock_guard lock{mutex_};
    return change(host, module, false, true);
}

Repository::Result Repository::unload(const std::string& host, const std::string& module) {
    const std::lock_guard lock{mutex_};
    return change(host, module, true, false);
}

Repository::Result Repository::reload(const std::string& host, const std::string& module) {
    const std::lock_guard lock{mutex_};
    return change(host, module, true, true);
}

Repository::Result Repository::apply(const std::string& host, ModuleSelection selection) {
    const std::lock_guard lock{mutex_};
    const auto at = running_.find(host);
    if (at == running_.end()) return std::unexpected{"host " + host + " is new: it needs a restart"};
    if (auto checked = check(selection); !checked) return std::unexpected{host + ": " + checked.error()};
    const auto before = std::exchange(at->second.selection, std::move(selection));
    const auto want = wanted(at->second.selection);
    Result result;
    const auto note = [&](Result step) {
        if (!step) result = std::move(step);
    };
    for (const auto& module : std::set{at->second.loaded}) {
        if (!want.contains(module)) {
            note(change(host, module, true, false));
        } else if (!same(settings_of(before, module), settings_of(at->second.selection, module))) {
            note(change(host, module, true, true));
        }
    }
    for (const auto& module : want) {
        if (!at->second.loaded.contains(module)) note(change(host, module, false, true));
    }
    return result;
}

std::vector<ModuleState> Repository::list() const {
    const std::lock_guard lock{mutex_};
    std::vector<ModuleState> states;
    for (const auto& [host, running] : running_) {
        for (const auto& descriptor : modules_) {
            states.push_back({descriptor->info, host, running.loaded.contains(descriptor->info.name)});
        }
    }
    return states;
}

std::vector<std::string> Repository::hosts() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> names;
    for (const auto& [host, running] : running_) names.push_back(host);
    return names;
}

}  // namespace carillon::runtime
