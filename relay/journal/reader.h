/// What a worker left behind, read back: every octet may be damaged, and nothing of it is believed unchecked.
/// Spec: layout.h.  Not here: taking it up again (control/taking_up.cpp).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/base/errc.h"
#include "relay/journal/record.h"
#include "relay/journal/turn_record.h"

namespace carillon::relay::journal {

struct ReadLeg {
    LegPorts ports;
    std::vector<IceCredentials> own_before;
    std::optional<AgreedKeys> agreed;
    std::vector<srtp::SsrcState> inbound, outbound;
    std::array<PathSet, 2> paths{};  ///< by component; count 0: nothing learned
    SavedCounters counters{};
    std::array<SavedPoint, 2> points{};  ///< of a program's streams to the end: the sound, the pictures; SSRC 0: none
};

struct ReadStream {
    std::string session;
    api::StreamSetup setup;
    std::array<ReadLeg, 2> legs;
    SteadyTime opened{};
    SteadyTime expires{};  ///< the epoch: never
};

struct Contents {
    SteadyTime beat{};  ///< when the worker was last seen alive
    std::uint32_t attempts = 0;
    bool draining = false;
    std::vector<std::byte> identity;  ///< empty: none
    std::vector<ReadStream> streams;
    std::vector<LeftAllocation> allocations;
    std::vector<LeftReservation> reservations;
    std::size_t damaged = 0;  ///< streams and allocations that could not be read
};

/// `boot` is this machine's boot id. bad_magic, bad_version; unsupported: of another boot; bad_integrity, truncated.
/// Streams may still ask for what a worker refuses: names, lengths and lists are as they were written.
Parsed<Contents> read(Bytes file, std::string_view boot);

/// The kernel's id of this boot; empty when it tells none.
std::string boot_id();

}  // namespace carillon::relay::journal
