/// Calls and channels as JSON: what `carillonctl call` and `carillonctl relay channel` print with --json.
#pragma once
#include <boost/json/fwd.hpp>

#include "signaling/calls/call_info.h"
#include "signaling/calls/channels.h"

namespace carillon::calls {

/// Times are RFC 3339 in UTC; what has not happened yet is null.
boost::json::object to_json(const storage::CallRecord& record);
/// The record's fields, and: state, sid, relay, duration (seconds), streams.
boost::json::object to_json(const CallInfo& call);
boost::json::object to_json(const Channel& channel);

}  // namespace carillon::calls
