#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Users who make, change and remove themselves, and those whom others invite.
runtime::ModuleDescriptor registration();

}  // namespace carillon::modules
