#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

runtime::ModuleDescriptor external_services();

}  // namespace carillon::modules
