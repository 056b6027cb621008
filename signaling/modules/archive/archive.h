#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Every user's conversations, kept on the server for all of their devices (XEP-0313).
runtime::ModuleDescriptor archive();

}  // namespace carillon::modules
