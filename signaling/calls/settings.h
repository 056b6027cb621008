/// Reads a host's call settings from its module table.
#pragma once
#include "config/value.h"
#include "signaling/calls/policy.h"

namespace carillon::calls {

/// Keys: relay ("always", "fallback", "never"), ring_timeout, max_duration, tick, gone_grace, restart_grace (seconds),
/// calls_per_user, contents_per_call, candidates_per_content. Throws std::invalid_argument naming the key and line of
/// an unknown key or a value out of bounds.
CallSettings read_settings(const config::Value& table);

}  // namespace carillon::calls
