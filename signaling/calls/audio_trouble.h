/// One-way audio and dead air, by their names.
/// Spec: docs/quality.md.
#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "signaling/calls/media_relay.h"

namespace carillon::calls {

/// What is wrong with a call now, and for how long.
struct AudioTrouble {
    enum class Kind : std::uint8_t { none, one_way_to_callee, one_way_to_caller, dead_air } kind = Kind::none;
    std::uint64_t ms = 0;
};

/// Judges the counters of the sides of an answered call that the relay carries; `held`: by side, who is on hold sends
/// nothing and is not to blame. `answered_ms`: how long the call has been going.
AudioTrouble trouble_of(const std::array<SideCounters, 2>& from, const std::array<bool, 2>& held,
                        std::uint64_t answered_ms);

/// "one-way audio: nothing comes from the callee for 42 s"; empty without trouble.
std::string to_string(const AudioTrouble& trouble);

/// The longest of each kind over a call's life.
struct TroubleBook {
    std::array<std::uint64_t, 4> longest_ms{};  // by Kind
    void add(const AudioTrouble& trouble);
    std::string text() const;  ///< what was, joined by "; "
};

}  // namespace carillon::calls
