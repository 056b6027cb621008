#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// What users publish under their own addresses (XEP-0163).
runtime::ModuleDescriptor pep();
/// The service pubsub.DOMAIN (XEP-0060).
runtime::ModuleDescriptor pubsub_service();

}  // namespace carillon::modules
