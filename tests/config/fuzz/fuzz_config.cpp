/// Any text is either a configuration, or a list of problems that all say what is wrong and what to do.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/loader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 64 * 1024) return 0;
    const auto loaded = carillon::config::load_text({reinterpret_cast<const char*>(data), size});
    if (loaded) {
        if (loaded->hosts.empty() || loaded->network.bind.empty() || loaded->relay.bind.empty()) std::abort();
        return 0;
    }
    if (loaded.error().empty()) std::abort();
    for (const auto& problem : loaded.error())
        if (problem.what.empty() || problem.remedy.empty()) std::abort();
    return 0;
}
