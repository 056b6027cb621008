#include "signaling/daemon/all_modules.h"

#include "signaling/calls/endpoints/module.h"
#include "signaling/calls/jingle_nodes.h"
#include "signaling/calls/module.h"
#include "signaling/modules/modules.h"

namespace carillon::daemon {

std::vector<runtime::ModuleDescriptor> all_modules() {
    auto all = modules::builtin();
    all.push_back(calls::calls_module());
    all.push_back(calls::jingle_nodes_module());
    all.push_back(calls::endpoints_module());
    return all;
}

}  // namespace carillon::daemon
