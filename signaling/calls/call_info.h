/// A call as operators see it while it runs.
#pragma once
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "signaling/calls/media_relay.h"
#include "signaling/storage/call_quality_store.h"

namespace carillon::calls {

struct StreamInfo {
    std::string content;
    std::string transport;  ///< ice-udp, raw-udp; bridged: of the caller's leg and the callee's
    std::string state;      ///< relayed, bridged, direct, bundled, lost
    StreamPorts ports;
    StreamCounters counters;
};

struct CallInfo {
    storage::CallRecord record;
    std::string state;  ///< proposed, ringing, proceeding, initiated, active
    std::string sid;
    std::string relay;  ///< the policy that holds: always, fallback, never
    std::chrono::seconds duration{0};
    std::vector<StreamInfo> streams;
    storage::CallQuality sound{};
    std::string trouble{};  ///< now: one-way audio, dead air
    bool recording = false;
};

}  // namespace carillon::calls
