/// The protocols that the program speaks besides the one that each module names as its own.
/// Not here: those of the modules (runtime::ModuleInfo), writing them down (doap.h).
#pragma once
#include <span>
#include <string_view>

namespace carillon::daemon {

struct Protocol {
    int xep;
    std::string_view version;  ///< of the specification
    std::string_view part;     ///< where: a module by name, or a folder below signaling/
    std::string_view note;
    bool partial = false;
};

/// In order of their numbers.
std::span<const Protocol> other_protocols();
/// RFCs, by number.
std::span<const int> rfcs();

}  // namespace carillon::daemon
