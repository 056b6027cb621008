#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Small pieces of XML that clients keep on the server (XEP-0049).
runtime::ModuleDescriptor private_xml();

}  // namespace carillon::modules
