#include "signaling/runtime/virtual_host.h"

namespace carillon::runtime {

constexpr std::chrono::seconds kPatience{10};  ///< for a module's own work to end before it is taken out

void VirtualHost::make(const ModuleDescriptor& descriptor, config::Value settings) {
    modules_.insert_or_assign(std::string{descriptor.info.name},
                              std::make_unique<ModuleInstance>(environment_, *this, descriptor, std::move(settings)));
}

awaitable<std::expected<void, std::string>> VirtualHost::replace(std::string name, const ModuleDescriptor* next,
                                                                 config::Value settings) {
    if (auto* old = find(name)) {
        const bool at_rest = co_await old->quiesce(kPatience);
        if (!at_rest) co_return std::unexpected{"module " + name + " still has work under way; try again"};
        modules_.erase(name);
    }
    if (next) {
        try {
            make(*next, std::move(settings));
        } catch (const std::exception& error) {
            co_return std::unexpected{"module " + name + " does not start: " + error.what()};
        }
    }
    co_return std::expected<void, std::string>{};
}

}  // namespace carillon::runtime
