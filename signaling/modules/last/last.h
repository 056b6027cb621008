#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// How long ago a user was here; how long the server runs (XEP-0012).
runtime::ModuleDescriptor last();

}  // namespace carillon::modules
