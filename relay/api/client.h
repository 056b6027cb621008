/// Signaling's side of the control contract with one worker.
/// Spec: docs/relay-control.md, control.proto.
/// Not here: starting workers and choosing one (signaling/relays).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "relay/api/connection.h"
#include "relay/api/program.h"
#include "relay/api/quality.h"
#include "relay/api/tap.h"

namespace carillon::relay::api {

enum class Mode : std::uint8_t { ice = 1, plain = 2, open = 3, bridge = 4 };
enum class Leg : std::uint8_t { a = 0, b = 1 };

struct IceCredentials {
    std::string ufrag;
    std::string pwd;
};
struct Address {
    unsigned component = 1;
    std::string ip;
    std::uint16_t port = 0;
    friend bool operator==(const Address&, const Address&) = default;
};
enum class Protection : std::uint8_t { none = 0, sdes = 1, dtls = 2 };
struct SrtpKey {
    std::vector<std::byte> key_and_salt;
    std::vector<std::byte> mki;
    friend bool operator==(const SrtpKey&, const SrtpKey&) = default;
};
/// How a bridged leg is protected.
struct LegSecurity {
    Protection protection = Protection::none;
    std::string suite;                          ///< SDES: the crypto-suite by name
    std::vector<SrtpKey> local, remote;         ///< SDES: what the relay seals with, what the endpoint does
    std::string fingerprint_hash, fingerprint;  ///< DTLS: of the endpoint's certificate
    bool active = false;                        ///< DTLS: the relay begins
    friend bool operator==(const LegSecurity&, const LegSecurity&) = default;
};
struct LegSetup {
    std::vector<IceCredentials> ice;  ///< every generation still in use; at most 4
    std::vector<Address> remotes;     ///< plain mode: as signalled
    // Bridged legs only:
    bool use_ice = false;
    IceCredentials own_ice;    ///< what the endpoint was told of the relay
    bool controlling = false;  ///< the endpoint waits to be nominated
    bool rtcp_mux = false;
    LegSecurity security;
    std::map<std::uint8_t, std::uint8_t> payload_types;  ///< what comes in here as the first leaves as the second
};
struct StreamSetup {
    std::string stream;
    Mode mode = Mode::ice;
    bool rtcp = false;
    LegSetup a;
    LegSetup b;
    std::chrono::seconds expire{0};  ///< 0: none
    Program program{};               ///< bridged streams only
    bool tell_rtcp = false;          ///< bridged streams only: events of what the ends report
};
struct Ports {
    std::vector<Address> a;  ///< advertised addresses of leg A, best first
    std::vector<Address> b;
    std::string fingerprint;                ///< of the relay's certificate, SHA-256; bridged streams only
    std::vector<Address> tcp_a{}, tcp_b{};  ///< where ICE legs are reached over TCP
};
struct LegCounters {
    std::uint64_t packets = 0, bytes = 0, expected = 0, lost = 0, late = 0, duplicates = 0, stun = 0, silent_ms = 0;
    double jitter_ms = 0, round_trip_ms = 0;
    std::map<std::string, std::uint64_t> drops;
    std::string learned;
    LegQuality quality{};  ///< of what this leg's endpoint sends, as the other hears it
};
struct StreamCounters {
    std::string session, stream;
    LegCounters a, b;
    Mode mode = Mode::ice;
    Ports ports;
    std::uint64_t age_ms = 0;
};
struct SessionId {
    std::string session;
    std::vector<std::string> streams;
};
struct WorkerStatus {
    std::string program;
    std::uint64_t sessions = 0, streams = 0, ports_free = 0, packets = 0, uptime_s = 0, binding_requests = 0;
    double cpu_s = 0, media_busy = 0;
    std::uint64_t media_jobs = 0, media_late = 0;
    std::uint64_t video_jobs = 0;
    double video_busy = 0;  ///< the busiest thread for pictures, 0 to 1
    bool draining = false;
    std::map<std::string, std::uint64_t> drops;
    std::uint64_t kernel_drops = 0;  ///< datagrams that found a socket's buffer full
    std::uint32_t threads = 1;       ///< that carry media
    double cpu_load = 0;             ///< over the last second, in processors
    std::uint64_t packets_per_second = 0;
    std::uint64_t kernel_flows = 0;                                           ///< that the kernel forwards now
    std::uint64_t ice_tcp_connections = 0;                                    ///< now
    std::uint64_t turn_allocations = 0, turn_connections = 0;                 ///< now
    std::uint64_t turn_packets = 0, turn_dropped = 0, turn_unauthorized = 0;  ///< since start
    std::vector<std::uint64_t> latency;             ///< packets looked at by delay inside of the relay: latency.h
    double latency_p50_us = 0, latency_p99_us = 0;  ///< over the last minute or two; 0: none
};

enum class Failure : std::uint8_t {
    disconnected,
    timed_out,
    bad_request,
    no_ports,
    draining,
    limit,
    not_found,
    conflict,
    version
};
struct Error {
    Failure failure = Failure::disconnected;
    std::string reason;
};
template <class T>
using Callback = std::function<void(std::expected<T, Error>)>;

struct Event {
    enum class Kind : std::uint8_t { silent, expired, report, program, tap, rtcp } kind = Kind::report;
    std::string session, stream;
    Leg leg = Leg::a;
    StreamCounters counters;  ///< with report and expired
    ProgramEvent program{};
    TapStatus tap{};               ///< with tap: it has ended by itself, or with its session
    std::string octets{}, from{};  ///< with rtcp: a compound packet in the clear, of the leg's end, and its ip:port
};

/// Threading: the io_context's thread; callbacks come there, never from within the call that asked.
/// Owns: the connection. A request ends in its callback in any case: answered, past its deadline, or disconnected.
class Client {
  public:
    static constexpr std::chrono::milliseconds kDeadline{3000};

    /// `address`: as config/base/worker_address.h; `tls` counts for workers of other machines.
    Client(boost::asio::io_context& io, std::string address, TlsFiles tls = {});
    ~Client();
    /// Connects and agrees on the version. `done` once; later `on_lost` once.
    void connect(std::function<void(std::expected<void, Error>)> done);
    void on_event(std::function<void(Event)> handler);
    void on_lost(std::function<void()> handler);
    bool connected() const;
    /// Encoding names of the video codecs that the worker turns into one another; known once connected.
    const std::vector<std::string>& video_codecs() const;
    void close();

    void open_stream(const std::string& session, const StreamSetup& setup, Callback<Ports> done);
    void update_leg(const std::string& session, const std::string& stream, Leg leg, const LegSetup& setup,
                    Callback<bool> done);
    /// Replaces what the stream's program does; its kind stays.
    void set_program(const std::string& session, const std::string& stream, const Program& program,
                     Callback<bool> done);
    /// A piece of a sound that clips may name; answers how many octets of it the worker has.
    void put_sound(const std::string& name, std::uint64_t size, std::uint64_t offset, const std::string& octets,
                   Callback<std::uint64_t> done);
    /// An empty stream closes all of the session's. Answers the last counters.
    void close_stream(const std::string& session, const std::string& stream,
                      Callback<std::vector<StreamCounters>> done);
    /// An empty session counts all.
    void count(const std::string& session, Callback<std::vector<StreamCounters>> done);
    void list_sessions(Callback<std::vector<SessionId>> done);
    void drain(bool on, Callback<bool> done);
    void status(Callback<WorkerStatus> done);

    /// Mirrors the session's packets into files on the worker's host.
    void start_capture(const std::string& session, const std::string& tap, const CaptureSetup& setup,
                       Callback<TapStatus> done);
    void start_recording(const std::string& session, const std::string& tap, const RecordingSetup& setup,
                         Callback<TapStatus> done);
    void stop_tap(const std::string& session, const std::string& tap, Callback<TapStatus> done);
    /// An empty session lists all.
    void list_taps(const std::string& session, Callback<std::vector<TapStatus>> done);

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace carillon::relay::api
