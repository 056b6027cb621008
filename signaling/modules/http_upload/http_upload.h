#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

runtime::ModuleDescriptor http_upload();

}  // namespace carillon::modules
