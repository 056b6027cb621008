#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

runtime::ModuleDescriptor ping();

}  // namespace carillon::modules
