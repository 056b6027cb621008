#include "signaling/calls/settings.h"

#include <stdexcept>

#include "signaling/calls/endpoints/music.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;

/// Where the text of choices goes on its way to the enumeration.
struct CallFields {
    CallSettings settings;
    std::string relay{to_string(settings.relay)};
    std::string bridge{to_string(settings.bridge)};
    std::string record = "never";
    std::string record_files = "both";
    std::string transcode{to_string(settings.transcode)};
    std::string ice_tcp = "auto";
};

config::Schema schema(CallFields& fields) {
    auto& s = fields.settings;
    config::Schema out;
    auto& recording = s.recording_files;
    out.choice("relay", fields.relay, {"always", "fallback", "never"},
               "Path of media. always: through the relay, so that the ends never learn one another's address; "
               "fallback: when no direct way is found; never: direct.")
        .choice("bridge", fields.bridge, {"auto", "always", "never"},
                "Whether the relay ends the media of both sides (raw RTP, SDES, DTLS in any pairing). auto: when the "
                "callee's client cannot answer what the caller speaks; always: also when it can, then nothing stays "
                "encrypted from end to end; never: such calls fail. Not with relay = never.")
        .choice("record", fields.record, {"never", "bridged"},
                "Recording. bridged: every call that the relay ends on both sides, from its answer on; those that stay "
                "encrypted from end to end cannot be (see bridge). Tell your users where the law wants it.")
        .choice("record_files", fields.record_files, {"both", "legs", "mixed"},
                "What a recording is: a file for each side, one with both, or all three.")
        .boolean("record_video", recording.video,
                 "Whether recordings of video calls have the pictures, a WebM file a side.")
        .text("record_announcement", recording.announcement,
              "What both sides hear before a recording begins: \"tone\", or a sound file (WAV or Ogg/Opus, 60 s at "
              "most), or gst: and a URI or pipeline. "
              "A call that cannot be told is not recorded. Empty: nothing.")
        .text("hold_music", s.hold_music,
              "What a side hears that the other one has put on hold, again and again: a sound file (WAV or Ogg/Opus), "
              "or gst: and a URI or pipeline of GStreamer (gst:https://radio.example/stream). "
              "Only where the relay ends the media of both sides (see bridge). Empty: nothing.",
              sound_fault)
        .integer("opus_bitrate", s.opus_bitrate, 0, 64'000,
                 "Most bits a second of the Opus that the relay makes for a side; 0: 32000. A side that wants less "
                 "(maxaveragebitrate, bandwidth) gets less.")
        .integer("leg_bandwidth", s.leg_bandwidth, 0, 1'000,
                 "kbit/s, heads included, for the sound between the relay and a user of this host; 0: any. Calls that "
                 "need more (G.711: 80) are bridged, and such a user is spoken to in Opus that fits.")
        .boolean("obey_bandwidth", s.obey_bandwidth,
                 "Do the same when the caller's offer itself says so (bandwidth of type AS).")
        .choice("transcode", fields.transcode, {"auto", "always", "never"},
                "Whether the relay changes the codec of sound. auto: when the ends share none; always: each end may "
                "choose among all that the relay speaks, and every call is bridged. Not with relay = never.")
        .choice("ice_tcp", fields.ice_tcp, {"auto", "always"},
                "Who is told where the relay takes ICE over TCP (relay.ice_tcp_port). auto: clients that have "
                "candidates over TCP themselves, as browsers do; always: every client that does ICE.")
        .duration("ring_timeout", s.ring_timeout, 1s, 10min, "From the call to its answer.")
        .duration("max_duration", s.max_duration, 0s, 168h, "Longest call; 0 s: no bound.")
        .duration("tick", s.tick, 1s, 1h, "How often permission and counters of a running call are looked at.")
        .duration("gone_grace", s.gone_grace, 0s, 10min, "How long a side may lose its stream before the call ends.")
        .duration("restart_grace", s.restart_grace, 0s, 2min, "How long ICE may look for a new way when a relay died.")
        .integer("calls_per_user", s.calls_per_user, 1, 1000, "Calls of one user at a time, coming and going.")
        .integer("contents_per_call", s.limits.contents, 1, 64, "Contents of one stanza.")
        .integer("candidates_per_content", s.limits.candidates, 1, 256, "Candidates of one content in one stanza.");
    return out;
}

config::Schema schema(ChannelLimits& limits) {
    config::Schema out;
    out.integer("channels_per_user", limits.per_owner, 1, 1000, "Relay channels (XEP-0278) of one user at a time.")
        .duration("expire", limits.expire, 5s, 10min, "How long a channel lives without packets.");
    return out;
}

}  // namespace

CallSettings read_call_settings(const config::Value& table, config::Problems& problems) {
    CallFields fields;
    if (!table.is_null()) schema(fields).read(table, "module.calls", problems);
    fields.settings.relay = relay_mode(fields.relay).value_or(RelayMode::fallback);
    fields.settings.bridge = bridge_mode(fields.bridge).value_or(BridgeMode::automatic);
    fields.settings.record = fields.record == "bridged";
    fields.settings.recording_files.legs = fields.record_files != "mixed";
    fields.settings.recording_files.mixed = fields.record_files != "legs";
    fields.settings.transcode = transcode_mode(fields.transcode).value_or(TranscodeMode::automatic);
    fields.settings.ice_tcp_to_all = fields.ice_tcp == "always";
    return fields.settings;
}

ChannelLimits read_channel_limits(const config::Value& table, config::Problems& problems) {
    ChannelLimits limits;
    if (!table.is_null()) schema(limits).read(table, "module.jingle_nodes", problems);
    return limits;
}

void throw_on(const config::Problems& problems) {
    if (!problems.empty()) throw std::invalid_argument{config::to_text(problems, {})};
}

std::string settings_reference() {
    CallFields fields;
    ChannelLimits limits;
    return schema(fields).reference("module.calls") + "\n" + schema(limits).reference("module.jingle_nodes");
}

}  // namespace carillon::calls
