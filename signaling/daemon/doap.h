/// The description of the project that directories of XMPP software read.
/// Spec: DOAP, XEP-0453.
#pragma once
#include <string>

namespace carillon::daemon {

/// An RDF document: what the modules and other_protocols() declare. docs/xmpp.doap is this text.
std::string project_description();

}  // namespace carillon::daemon
