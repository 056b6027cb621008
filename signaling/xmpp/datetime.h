/// Dates and times as XMPP writes them.
/// Spec: XEP-0082.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "config/base/clock.h"

namespace carillon::xmpp {

/// UTC with milliseconds: 2026-01-02T03:04:05.678Z.
std::string to_datetime(WallTime time);
/// A DateTime with any fraction and any offset; nothing for whatever else, and for what lies before 1970 or after 9999.
std::optional<WallTime> parse_datetime(std::string_view text);

}  // namespace carillon::xmpp
