/// Part of every program in a build with sanitizers: where UndefinedBehaviorSanitizer reports to. g++ links it beside
/// AddressSanitizer as a library of its own, which then takes no log_path from its options and speaks to the terminal.
#include <dlfcn.h>

#include <cstdlib>

namespace {

[[gnu::constructor]] void report_there() {
    const auto* path = std::getenv("CARILLON_SANITIZER_LOG");  // of watched.py
    auto* library = path ? ::dlopen("libubsan.so.1", RTLD_NOLOAD | RTLD_LAZY) : nullptr;
    auto* set = library ? ::dlsym(library, "__sanitizer_set_report_path") : nullptr;
    if (set) reinterpret_cast<void (*)(const char*)>(set)(path);
}

}  // namespace
