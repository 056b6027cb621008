#include "signaling/runtime/environment.h"

#include "signaling/journal/journal.h"
#include "signaling/runtime/virtual_host.h"

namespace carillon::runtime {

Environment::Environment() = default;
Environment::~Environment() = default;

}  // namespace carillon::runtime
