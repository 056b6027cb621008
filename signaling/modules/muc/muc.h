#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Rooms to talk in (XEP-0045), at a domain of their own.
runtime::ModuleDescriptor muc();

}  // namespace carillon::modules
