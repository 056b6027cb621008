/// Calls and channels as the admin socket shows them.
/// Spec: docs/admin-protocol.md (call.list, call.show, relay.channel.open).
#pragma once
#include <boost/json/fwd.hpp>

#include "signaling/calls/call_info.h"
#include "signaling/calls/channels.h"

namespace carillon::calls {

/// A line of call.list. `state` is "ended", or "interrupted" when the server ended before the call did.
boost::json::object to_json(const storage::CallRecord& record);
/// The same of a running call, with its state and seconds so far.
boost::json::object to_json(const CallInfo& call);
/// call.show: the line, `contents` and `legs`.
boost::json::object details(const CallInfo& call);
boost::json::object details(const storage::CallRecord& record);
boost::json::object details(const storage::CallRecord& record, const std::optional<storage::CallQuality>& sound);
boost::json::object to_json(const Channel& channel);
/// A capture or a recording.
boost::json::object to_json(const TapStatus& tap);

}  // namespace carillon::calls
