/// What a client has said of itself when it logged in. Nobody else is told.
/// Spec: XEP-0388 §2.3.
#pragma once
#include <string>

namespace carillon::session {

/// A slot of the session (Session::slots()), there for sessions of XEP-0388 log-ins.
struct ClientSoftware {
    std::string id;  ///< of the installation, a UUID; empty: not said
    std::string software;
    std::string device;
    bool synchronises = false;  ///< bound by XEP-0386: what waits in the archive is read there
};

}  // namespace carillon::session
