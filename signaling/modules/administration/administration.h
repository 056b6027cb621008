#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

runtime::ModuleDescriptor administration();

}  // namespace carillon::modules
