#include "signaling/runtime/plugin.h"

#include <boost/dll/shared_library.hpp>

#include <list>
#include <mutex>

namespace carillon::runtime {
namespace {

/// Keeps every loaded library until the process ends.
void keep(boost::dll::shared_library library) {
    static std::mutex mutex;
    static auto* kept = new std::list<boost::dll::shared_library>;  // never destroyed: code may run during exit
    const std::lock_guard lock{mutex};
    kept->push_back(std::move(library));
}

}  // namespace

std::expected<std::vector<ModuleDescriptor>, std::string> load_plugin(const std::filesystem::path& file) {
    boost::system::error_code error;
    // The path is taken as it is: without a slash the loader would search system folders.
    boost::dll::shared_library library{std::filesystem::absolute(file).string(), error,
                                       boost::dll::load_mode::rtld_now};
    if (error) return std::unexpected{"cannot load plugin " + file.string() + ": " + error.message()};
    if (!library.has("carillon_plugin")) {
        return std::unexpected{file.string() + " is no Carillon plugin: it lacks the symbol carillon_plugin"};
    }
    const auto& manifest = library.get<const PluginManifest>("carillon_plugin");
    if (manifest.abi != kPluginAbi || manifest.compiler != __GNUC__) {
        return std::unexpected{"plugin " + file.string() + " was built for another Carillon (interface " +
                               std::to_string(manifest.abi) + ", this one is " + std::to_string(kPluginAbi) +
                               "); build it anew"};
    }
    auto modules = manifest.modules();
    keep(std::move(library));
    return modules;
}

}  // namespace carillon::runtime
