/// Every module that comes with the program, in one list.
#pragma once
#include <vector>

#include "signaling/runtime/module.h"

namespace carillon::daemon {

std::vector<runtime::ModuleDescriptor> all_modules();

}  // namespace carillon::daemon
