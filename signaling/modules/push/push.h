#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Wakes users' sleeping devices through the push services that they name (XEP-0357).
runtime::ModuleDescriptor push();

}  // namespace carillon::modules
