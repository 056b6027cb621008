#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

runtime::ModuleDescriptor search();

}  // namespace carillon::modules
