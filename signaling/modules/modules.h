/// The modules that come with Carillon: the explicit list.
#pragma once
#include <vector>

#include "signaling/runtime/module.h"

namespace carillon::modules {

std::vector<runtime::ModuleDescriptor> builtin();

}  // namespace carillon::modules
