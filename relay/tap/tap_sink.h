/// What becomes of mirrored packets: a capture, a recording.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/tap/tap_ring.h"

namespace carillon::relay {

/// How a tap stands.
struct TapStatus {
    std::string id;
    std::string kind;  ///< capture, recording
    bool running = true;
    std::string reason;              ///< why it has ended: stopped, call ended, size, time, or what failed
    bool failed = false;             ///< it ended because something was wrong: disk full
    std::vector<std::string> files;  ///< that are there, oldest first
    std::uint64_t packets = 0;       ///< written
    std::uint64_t octets = 0;        ///< of the files
    std::uint64_t dropped = 0;       ///< that the writer was too slow for
    double seconds = 0;              ///< since its start
};

/// Threading: the tap thread.  Owns: its files.
class TapSink {
  public:
    virtual ~TapSink() = default;
    virtual void take(const TapHeader& header, Bytes data) = 0;
    /// Some times a second.
    virtual void tick(SteadyTime now) = 0;
    /// No more will come. `dropped`: packets that the ring had no room for.
    virtual void finish(std::uint64_t dropped) = 0;
    /// Not empty: it takes nothing more, and why.
    virtual const std::string& ended() const = 0;
    virtual bool failed() const = 0;
    /// Fills in kind, files, packets and octets.
    virtual void describe(TapStatus& status) const = 0;
};

}  // namespace carillon::relay
