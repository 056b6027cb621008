#pragma once
#include "signaling/runtime/module.h"

namespace carillon::modules {

/// Every device of a user sees both sides of every conversation (XEP-0280).
runtime::ModuleDescriptor carbons();

/// Switches copies for that session on or off: the IQ and whoever binds a session with carbons at once (XEP-0386).
void set_carbons(session::Session& session, bool on);
bool has_carbons(session::Session& session);

}  // namespace carillon::modules
