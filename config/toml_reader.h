/// TOML text to a typed tree with line numbers; the only place that knows toml++.
/// Spec: TOML 1.0.  Not here: what keys mean (schema.h).  Dates and times are refused: no key takes one.
#pragma once
#include <expected>
#include <string_view>

#include "config/problem.h"
#include "config/value.h"

namespace carillon::config {

/// TOML's own errors end the reading at once, so that the list holds one of those at most.
std::expected<Value, Problems> read_toml(std::string_view text);

}  // namespace carillon::config
