/// Reads a host's call settings from its module tables.
#pragma once
#include "config/problem.h"
#include "config/schema.h"
#include "config/value.h"
#include "signaling/calls/channels.h"
#include "signaling/calls/policy.h"

namespace carillon::calls {

/// [module.calls] and [module.jingle_nodes]. Problems are added, what is wrong keeps its default.
CallSettings read_call_settings(const config::Value& table, config::Problems& problems);
ChannelLimits read_channel_limits(const config::Value& table, config::Problems& problems);

/// For a module being made: throws std::invalid_argument with all problems as text.
void throw_on(const config::Problems& problems);

/// The settings with defaults and help, as TOML.
std::string settings_reference();

}  // namespace carillon::calls
