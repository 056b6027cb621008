/// What a client has said of itself when it logged in. Nobody else is told.
/// Spec: XEP-0388 §2.3.
#pragma once
#include <optional>
#include <string>

#include "config/base/clock.h"

namespace carillon::session {

/// A slot of the session (Session::slots()), there for sessions of XEP-0388 log-ins.
struct ClientSoftware {
    std::string id;  ///< of the installation, a UUID; empty: not said
    std::string software;
    std::string device;
    /// When it was bound by XEP-0386, if so: what the archive had before that is read there.
    std::optional<WallTime> synchronises;
};

}  // namespace carillon::session
