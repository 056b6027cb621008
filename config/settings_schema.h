/// The keys of the server's configuration, each declared once: name, bounds, help.
/// Not here: their defaults (the member initialisers in settings.h).
#pragma once
#include "config/schema.h"
#include "config/settings.h"

namespace carillon::config {

/// Reading through it fills `settings`; each [[host]] is appended to settings.hosts.
Schema settings_schema(Settings& settings);

/// The keys of one [[host]].
Schema host_schema(HostSettings& host);

}  // namespace carillon::config
