#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Rooms for many (XEP-0045), as a service of its own beside each virtual host.
runtime::ModuleDescriptor muc();

}  // namespace carillon::modules
