#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Users block addresses, and report them (XEP-0191, XEP-0377).
runtime::ModuleDescriptor blocking();

}  // namespace carillon::modules
