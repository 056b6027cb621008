/// What a host wants of calls, and the hook that may refuse or end one.
/// Not here: reading the configuration (module.cpp), acting on it (controller.h).
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/calls/tapping.h"
#include "signaling/jingle/jingle.h"
#include "signaling/xmpp/jid.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::calls {

enum class RelayMode : std::uint8_t {
    always,    ///< only relay addresses are told: the ends never learn one another's
    fallback,  ///< a relay candidate is added, below the ends' own
    never,     ///< transports pass untouched
};
/// When the relay terminates the media of both ends.
enum class BridgeMode : std::uint8_t {
    automatic,  ///< when the callee cannot answer what the caller speaks
    always,     ///< also when they could speak to one another
    never,
};

/// When the relay changes the codec.
enum class TranscodeMode : std::uint8_t {
    automatic,  ///< when the ends share none
    always,     ///< every call is bridged, and each end offered all that the relay speaks
    never,
};

std::string_view to_string(RelayMode mode);
std::optional<RelayMode> relay_mode(std::string_view text);
std::string_view to_string(BridgeMode mode);
std::optional<BridgeMode> bridge_mode(std::string_view text);
std::string_view to_string(TranscodeMode mode);
std::optional<TranscodeMode> transcode_mode(std::string_view text);

/// Of one virtual host.
struct CallSettings {
    RelayMode relay = RelayMode::fallback;
    BridgeMode bridge = BridgeMode::automatic;
    TranscodeMode transcode = TranscodeMode::automatic;
    std::chrono::milliseconds ring_timeout{30'000};   ///< from the call to its answer
    std::chrono::milliseconds max_duration{0};        ///< from the answer; 0: no bound
    std::chrono::milliseconds tick{10'000};           ///< permission, metering, statistics
    std::chrono::milliseconds gone_grace{5'000};      ///< how long a side may lose its stream
    std::chrono::milliseconds restart_grace{15'000};  ///< how long ICE may take to restart after its relay died
    std::chrono::milliseconds relay_wait{3000};
    std::size_t calls_per_user = 8;
    std::size_t queued_stanzas = 64;  ///< of one call, while the relay is asked
    jingle::Limits limits;
    bool record = false;  ///< bridged calls, from their answer on
    RecordingFiles recording_files;
    std::size_t leg_bandwidth = 0;  ///< kbit/s for the sound of one of its users' legs; 0: any
    bool obey_bandwidth = false;    ///< calls whose caller says that its line is narrow are bridged
    std::string hold_music;         ///< what who is on hold hears: a sound file; empty: nothing
    bool ice_tcp_to_all = false;    ///< relay candidates over TCP are told to sides, too, that have none themselves
    std::size_t opus_bitrate = 0;   ///< bits a second of what a transcoder makes; 0: its own choice
};

/// What a policy may look at.
struct CallFacts {
    std::string_view id;
    const xmpp::Jid& caller;
    const xmpp::Jid& callee;
    std::chrono::seconds duration{0};  ///< since the answer
    std::uint64_t bytes = 0;           ///< relayed both ways
};

/// Permission and metering. Threading: the shard of the call; answers must come at once.
class CallPolicy {
  public:
    virtual ~CallPolicy() = default;
    /// Before the callee hears of it. An error refuses the call with that stanza error.
    virtual std::optional<xmpp::StanzaError> admit(const CallFacts& call) = 0;
    /// On each tick of an answered call. A reason ends it: both sides are given it.
    virtual std::optional<jingle::Reason> check(const CallFacts& call) = 0;
};

/// Lets everything pass.
class OpenPolicy final : public CallPolicy {
  public:
    std::optional<xmpp::StanzaError> admit(const CallFacts&) override { return std::nullopt; }
    std::optional<jingle::Reason> check(const CallFacts&) override { return std::nullopt; }
};

}  // namespace carillon::calls
