#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Runs the commands that other modules offer (XEP-0050).
runtime::ModuleDescriptor commands();

}  // namespace carillon::modules
