/// Dates and times as XMPP writes them.
/// Spec: XEP-0082.
#pragma once
#include <string>

#include "config/base/clock.h"

namespace carillon::xmpp {

/// UTC with milliseconds: 2026-01-02T03:04:05.678Z.
std::string to_datetime(WallTime time);

}  // namespace carillon::xmpp
