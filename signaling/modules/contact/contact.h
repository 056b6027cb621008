#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Where to write to the people who run the server (XEP-0157).
runtime::ModuleDescriptor contact();

}  // namespace carillon::modules
