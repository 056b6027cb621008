/// What the controller asks of relay workers: a pair of ports A (caller's side) and B (callee's side) for each stream.
/// Not here: the workers' own protocol and which worker it will be (worker_relay.h), what is told to the ends
/// (media.h).
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "signaling/calls/bridge_leg.h"
#include "signaling/calls/tapping.h"
#include "signaling/jingle/jingle.h"
#include "signaling/jingle/rewrite.h"

namespace carillon::calls {

enum class Side : std::uint8_t { caller, callee };  // leg A, leg B
constexpr Side other(Side side) { return side == Side::caller ? Side::callee : Side::caller; }
constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

struct RemoteAddress {
    unsigned component = 1;
    std::string ip;
    std::uint16_t port = 0;
    friend bool operator==(const RemoteAddress&, const RemoteAddress&) = default;
};

/// How the worker may come to know an endpoint's address.
struct LegSetup {
    /// The endpoint's own, of its Jingle transport, newest last: after an ICE restart the generation before it stays in
    /// use until the new one has found its way. Empty for plain RTP.
    std::vector<jingle::IceCredentials> ice;
    std::vector<RemoteAddress> remotes;  ///< plain RTP: as signalled by the endpoint
    std::optional<BridgeLeg> bridge{};   ///< the leg ends at the relay; both of a stream have it or none

    /// The newest credentials; incomplete when there are none.
    jingle::IceCredentials current() const { return ice.empty() ? jingle::IceCredentials{} : ice.back(); }
};

struct StreamSetup {
    std::string stream;             ///< unique within the call
    bool ice = false;               ///< ICE legs; else plain RTP
    bool open = false;              ///< plain RTP whose addresses nobody signals (XEP-0278)
    bool rtcp = false;              ///< a second port on each side for RTCP
    std::array<LegSetup, 2> legs;   ///< by Side; empty where nothing is known yet
    relay::api::Program program{};  ///< bridged: what the relay itself does
    bool tell_rtcp = false;         ///< bridged: what the ends report is told (on_rtcp)
    bool writes_files = false;      ///< the program records, now or later: only a worker of this machine will do
    std::function<void(const relay::api::ProgramEvent&)> on_event{};  ///< of the program
    bool bridged() const { return legs[0].bridge.has_value(); }
};

/// The addresses to tell: those of A to the caller, those of B to the callee.
struct StreamPorts {
    std::string worker;
    std::array<std::vector<jingle::RelayAddress>, 2> told;
    std::string fingerprint{};  ///< of the worker's certificate (SHA-256); bridged streams only
    std::array<std::vector<jingle::RelayAddress>, 2> told_tcp{};  ///< the same over TCP, for ICE legs; perhaps none
};

/// Counters of what came in from each side.
struct SideCounters {
    std::uint64_t packets = 0;  ///< media: RTP and RTCP, SRTP, DTLS; not STUN
    std::uint64_t bytes = 0;
    double loss = 0;  ///< 0..1
    double jitter_ms = 0;
    std::uint64_t expected = 0, lost = 0;          ///< packets
    std::uint64_t silent_ms = 0;                   ///< since the last packet
    double round_trip_ms = 0;                      ///< relay to the side and back; 0: not known
    std::map<std::string, std::uint64_t> drops{};  ///< by reason (relay/learning/drop.h)
    relay::api::LegQuality quality{};              ///< of what the side sends, as the other hears it
    std::string learned{};                         ///< where the relay has found the side: ip:port
};
struct StreamCounters {
    std::string stream;
    std::array<SideCounters, 2> from;
};

enum class RelayEvent : std::uint8_t {
    silent,  ///< no media from either side for the worker's media time-out; the stream stays open
    lost,    ///< the worker died or gave the stream up: its ports are gone
};

/// Threading: one shard. Calls back on the same shard, never from within the call itself; may never call back when
/// the worker is lost (the controller keeps a deadline).
class MediaRelay {
  public:
    using Opened = std::function<void(std::expected<StreamPorts, std::string> ports)>;
    using Updated = std::function<void(bool done)>;
    using Counted = std::function<void(std::vector<StreamCounters> counters)>;
    using Watcher = std::function<void(const std::string& stream, RelayEvent event)>;

    virtual ~MediaRelay() = default;
    /// Encoding names of the video codecs that it turns into one another.
    virtual std::vector<std::string> video_codecs() const { return {}; }
    /// Streams of one call go to one worker. `watch` is called until the stream is closed.
    virtual void open(const std::string& call, StreamSetup setup, Watcher watch, Opened done) = 0;
    /// Tells what one side has signalled since. Repeating is harmless.
    virtual void update(const std::string& call, const std::string& stream, Side side, LegSetup leg, Updated done) = 0;
    /// Other sources and sinks for the program of a stream.
    virtual void set_program(const std::string& /*call*/, const std::string& /*stream*/,
                             relay::api::Program /*program*/, Updated done) {
        done(false);
    }
    /// The counters of every open stream of the call.
    virtual void count(const std::string& call, Counted done) = 0;
    /// Frees the ports; answers with the last counters (none when the stream is not known).
    virtual void close(const std::string& call, const std::string& stream, Counted done) = 0;

    /// Mirrors the call's packets into files, under a name of the caller's choice; these call back at once when there
    /// is no such relay.
    virtual void capture(const std::string& /*call*/, const std::string& /*tap*/, const relay::api::CaptureSetup&,
                         TapDone done) {
        done(std::unexpected{std::string{"This relay captures nothing."}});
    }
    virtual void record(const std::string& /*call*/, const std::string& /*tap*/, const relay::api::RecordingSetup&,
                        TapDone done) {
        done(std::unexpected{std::string{"This relay records nothing."}});
    }
    virtual void stop_tap(const std::string& /*call*/, const std::string& /*tap*/, TapDone done) {
        done(std::unexpected{std::string{"There is no such capture."}});
    }
    virtual void list_taps(const std::string& /*call*/, std::function<void(std::vector<TapStatus>)> done) { done({}); }
    /// One has ended by itself, or with its call.
    virtual void on_tap_ended(std::function<void(const std::string& call, const TapStatus&)> /*handler*/) {}
    /// What an end of a stream that was opened with `tell_rtcp` reports: a compound packet in the clear, its ip:port.
    struct Rtcp {
        std::string stream;
        Side from = Side::caller;
        std::string octets, address;
    };
    virtual void on_rtcp(std::function<void(const std::string& call, const Rtcp&)> /*handler*/) {}
    /// Where a call's streams are, in words that outlive this process; empty: nowhere.
    struct Place {
        std::string worker;
        std::string session;
        std::vector<std::string> taps{};  ///< captures and recordings that run
        friend bool operator==(const Place&, const Place&) = default;
    };
    virtual Place place(const std::string& call) const = 0;
    /// Streams that an earlier life of this process has opened there. `watch` is told of those that are gone.
    virtual void adopt(const std::string& call, const Place& place, const std::vector<std::string>& streams,
                       Watcher watch) = 0;
};

}  // namespace carillon::calls
