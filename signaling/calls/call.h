/// The state of one call: who, how far, which streams, what waits. State only; the rules are in controller and media.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/clock.h"
#include "signaling/calls/audio_trouble.h"
#include "signaling/calls/endpoints/endpoint.h"
#include "signaling/calls/media_relay.h"
#include "signaling/calls/policy.h"
#include "signaling/jingle/jingle.h"
#include "signaling/storage/call_quality_store.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::calls {

enum class Phase : std::uint8_t {
    proposed,    ///< XEP-0353: announced, the callee's devices may ring
    proceeding,  ///< XEP-0353: a device has taken it, the session is to follow
    initiated,   ///< XEP-0166 pending: session-initiate has gone to the callee
    active,      ///< session-accept has gone to the caller
    ended,
};
std::string_view to_string(Phase phase);

/// One side of a stream.
struct Leg {
    LegSetup said;              ///< what the side has signalled, as the worker knows it
    std::string offered_ufrag;  ///< the side's description that the relay candidates went along with
    unsigned offered = 0;       ///< components so offered, bit 0 is component 1
    unsigned restarts = 0;      ///< ICE restarts seen
    // Candidates over TCP (tcp_candidates.h).
    bool tcp = false;          ///< the side takes them
    unsigned offered_tcp = 0;  ///< as `offered`
    std::string generation;    ///< of the candidates in that description
    std::string told_ufrag;    ///< bridged: the description of the relay that the side has
    bool told_tcp = false;     ///< bridged: they are in it
};

/// How the sound that goes to a side travels, in that side's words.
struct SoundTo {
    std::optional<relay::api::AudioFormat> format;  ///< what the relay itself would make; none: nothing it speaks
    std::vector<std::uint8_t> types;                ///< all payload types of it
};

/// One content's transport through the relay.
struct Stream {
    std::string id;  ///< for the worker
    std::string creator;
    std::string name;
    bool ice = false;
    bool rtp = false;
    bool muxed = false;        ///< rtcp-mux agreed: component 1 is all
    bool bundled = false;      ///< another stream carries it (BUNDLE): nothing to offer here
    std::string carrier;       ///< bundled: the id of that other stream
    bool replacement = false;  ///< of a transport-replace that has no answer yet
    bool open = false;         ///< the worker holds ports for it
    bool lost = false;         ///< its worker died
    bool silent = false;
    StreamPorts ports;
    std::array<Leg, 2> legs;
    StreamCounters last;                                    ///< the latest counters
    std::vector<jingle::PayloadType> offered_types;         ///< bridged: as the offer has them
    Side offerer = Side::caller;                            ///< bridged
    std::optional<relay::api::AudioFormat> offered_format;  ///< bridged: what the relay itself would take of the offer
    std::optional<relay::api::VideoFormat> offered_video;   ///< the same, of pictures
    std::vector<jingle::PayloadType> added;                 ///< bridged: what the relay offers beyond
    bool recoded = false;                                   ///< bridged: each side is spoken to in its own codec
    relay::api::Program program;      ///< bridged: what the relay does with the sound and pictures of the transport
    unsigned offered_bandwidth = 0;   ///< bridged: kbit/s, of the offer; 0: it is not said
    std::array<SoundTo, 2> sound_to;  ///< bridged, once it is answered
    std::array<unsigned, 2> line{};   ///< bridged: kbit/s that a side's line bears; 0: any

    Leg& leg(Side side) { return legs[index(side)]; }
    const Leg& leg(Side side) const { return legs[index(side)]; }
    bool bridged() const { return legs[0].said.bridge.has_value(); }
    bool transcoded() const { return recoded; }
    /// Whether nothing but the relay can carry it.
    bool needs_relay(RelayMode mode) const { return mode == RelayMode::always || !ice || bridged(); }
    std::uint64_t packets() const { return last.from[0].packets + last.from[1].packets; }
};

/// A stanza of the call on its way through the controller.
struct Arrival {
    xmpp::Stanza stanza;
    jingle::Jingle jingle;
    Side side = Side::caller;  ///< who sent it
};

/// Threading: the shard of the pair of users.  Owns: its streams and waiting stanzas.
struct Call {
    std::string key;  ///< caller's full JID and sid
    std::string sid;
    std::string initiate_id;  ///< of the session-initiate IQ
    std::string initiator;    ///< as the caller wrote it, or its full JID
    std::string host;         ///< whose settings hold: the caller's virtual host
    xmpp::Jid caller;         ///< full
    xmpp::Jid callee;         ///< bare until a resource is known
    Phase phase = Phase::initiated;
    RelayMode mode = RelayMode::fallback;
    std::optional<std::array<Manner, 2>> bridge;  ///< the relay stands between the ends: how each is spoken to
    std::unique_ptr<EndpointCall> endpoint;       ///< the server itself is the callee
    std::string endpoint_name;
    std::vector<std::string> video_codecs;  ///< that the relay turns into one another
    bool transcodes = false;                ///< bridged: offers are extended by what the relay speaks
    std::array<unsigned, 2> line{};         ///< by side: kbit/s that its host gives it for sound; 0: any
    bool reserves = false;                  ///< bridged: the ends share no codec, a transcoder is needed for certain
    bool may_reoffer = false;               ///< the relay could help ends that share no codec
    bool may_stand_in = false;              ///< somebody answers for the callee
    bool standing_in = false;               ///< and does
    std::optional<Arrival> offer;           ///< the session-initiate as it came, while it may be needed again
    std::size_t closing = 0;                ///< streams whose last figures are awaited
    bool bundle_offered = false;            ///< bridged: by who began the session
    std::string invite_ns;                  ///< XEP-0353 namespace when it began by a message
    bool ringing = false;
    bool delivered = false;  ///< session-initiate has been routed
    std::vector<Stream> streams;
    unsigned next_stream = 1;
    storage::CallRecord record;
    storage::CallQuality sound;  ///< kept beside the record
    TroubleBook troubles;        ///< one-way audio, dead air
    AudioTrouble trouble;        ///< as the last counters say
    std::array<bool, 2> tcp{};   ///< by side: takes candidates over TCP
    std::array<bool, 2> held{};  ///< by side: on hold, or muted, by its own word (XEP-0167 §8)
    /// By side: has put the other one on hold, in a word (XEP-0167 §8) or by taking its media no more (senders).
    struct Hold {
        bool word = false;
        bool senders = false;
        bool on() const { return word || senders; }
    };
    std::array<Hold, 2> hold{};
    unsigned taps = 0;      ///< captures and recordings begun so far
    std::string recording;  ///< the tap that records it; empty: none
    StreamCounters past;    ///< summed over streams that are closed already

    std::deque<Arrival> waiting;
    std::optional<Arrival> current;     ///< the one being worked on
    std::function<void(bool)> pending;  ///< what goes on when the relay (or the callee's shard) has answered
    std::uint64_t step = 0;             ///< tells late answers from the one waited for

    std::optional<SteadyTime> step_deadline;
    std::optional<SteadyTime> ring_deadline;
    std::optional<SteadyTime> stand_in_at;
    std::optional<SteadyTime> next_tick;
    std::optional<SteadyTime> restart_deadline;
    std::array<std::optional<SteadyTime>, 2> gone_deadline;
    std::optional<SteadyTime> answered;

    // Across the death of the process (adopting.cpp).
    std::array<bool, 2> away{};            ///< adopted, and that side is not back yet
    std::optional<SteadyTime> away_since;  ///< adopted, while a side is away
    std::shared_ptr<void> kept;            ///< its state in the ledger, as long as this lives
    std::size_t kept_hash = 0;

    const xmpp::Jid& jid(Side side) const { return side == Side::caller ? caller : callee; }
    Stream* find(std::string_view creator, std::string_view name, bool replacement = false);
    Stream* find_id(std::string_view id);
    bool relays() const;       ///< some stream has ports
    bool needs_relay() const;  ///< some stream has no other way
};

/// "romeo@montague.example/orchard a73sjjvkla37jfea": unique while both live.
std::string call_key(const xmpp::Jid& caller, std::string_view sid);

/// The shard key of everything between two users, the same from both sides.
std::size_t pair_hash(const xmpp::Jid& a, const xmpp::Jid& b);

/// Keeps what a closed stream has counted.
void add_past(Call& call, const StreamCounters& counters);

/// All that has come from that side.
SideCounters sum_of(const Call& call, Side side);
/// Both sides over all streams, closed ones with them.
std::array<SideCounters, 2> sides_of(const Call& call);

/// Looks for one-way audio and dead air in the counters. `answered_ms`: since the answer.
void look_for_trouble(Call& call, std::uint64_t answered_ms);

/// Brings the record's figures and path up to the streams' counters.
void fold_counters(Call& call);

}  // namespace carillon::calls
