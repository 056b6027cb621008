/// A shard's own access to the relay workers: one connection to each, choice of a worker, and what became of streams
/// when a worker dies.
/// Spec: docs/relay-control.md.
/// Not here: starting workers (relays/), the wire (relay/api/), how a worker is chosen (placement.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "relay/api/client.h"
#include "signaling/calls/media_relay.h"
#include "signaling/calls/placement.h"
#include "signaling/calls/sound_courier.h"

namespace carillon::calls {

/// What the shards of a process share about workers.
struct WorkerRelayShared {
    Assignments assignments;
    /// Sessions, by their names on the workers, that calls of an earlier life of this process have: whoever adopts the
    /// call looks after them. Constant once the shards run.
    std::set<std::string, std::less<>> spoken_for;
    /// How long a worker that died may take to come back with its streams.
    std::chrono::milliseconds grace{5000};
    relay::api::TlsFiles tls{};  ///< for workers of other machines
};

/// Threading: the shard's.  Owns: its connections; they come back by themselves when a worker does.
/// On a worker, sessions of shard N have names that begin with "N-". A worker that dies is given time to come back: its
/// streams are in its journal, and only those that are not there any more are lost. What an earlier life of this
/// process has left and nobody adopts is closed when nothing passes any more.
class WorkerRelay final : public MediaRelay {
  public:
    WorkerRelay(boost::asio::io_context& io, std::vector<std::string> sockets, std::size_t shard, std::size_t shards,
                std::shared_ptr<WorkerRelayShared> shared = std::make_shared<WorkerRelayShared>());
    ~WorkerRelay() override;

    void open(const std::string& call, StreamSetup setup, Watcher watch, Opened done) override;
    void update(const std::string& call, const std::string& stream, Side side, LegSetup leg, Updated done) override;
    void set_program(const std::string& call, const std::string& stream, relay::api::Program program,
                     Updated done) override;
    void count(const std::string& call, Counted done) override;
    void close(const std::string& call, const std::string& stream, Counted done) override;
    void capture(const std::string& call, const std::string& tap, const relay::api::CaptureSetup& setup,
                 TapDone done) override;
    void record(const std::string& call, const std::string& tap, const relay::api::RecordingSetup& setup,
                TapDone done) override;
    void stop_tap(const std::string& call, const std::string& tap, TapDone done) override;
    void list_taps(const std::string& call, std::function<void(std::vector<TapStatus>)> done) override;
    void on_rtcp(std::function<void(const std::string&, const Rtcp&)> handler) override { rtcp_ = std::move(handler); }
    void on_tap_ended(std::function<void(const std::string&, const TapStatus&)> handler) override {
        tap_ended_ = std::move(handler);
    }
    Place place(const std::string& call) const override;
    std::vector<std::string> video_codecs() const override;
    void adopt(const std::string& call, const Place& place, const std::vector<std::string>& streams,
               Watcher watch) override;

  private:
    struct Worker {
        std::string socket;
        bool remote = false;  // on another machine
        std::shared_ptr<relay::api::Client> client;
        SoundCourier::Known sounds = std::make_shared<std::set<std::string>>();  // that it was sent
        bool ready = false;
        bool met = false;      // connected at least once
        bool waiting = false;  // grace runs: it may come back with its streams
        std::unique_ptr<boost::asio::steady_timer> retry, grace, look;
        std::chrono::milliseconds pause{};
        std::chrono::steady_clock::time_point full_until{};  // it refused a session: others are asked first
        LoadMeter meter;
        Assignments::Count* assigned = nullptr;
        std::uint64_t assigned_then = 0;                   // when its load was asked for
        std::deque<std::function<void(bool)>> when_ready;  // false: it did not come back
        std::set<std::string> orphans;                     // sessions nobody knows, that may still carry something
    };
    /// A capture or recording that runs, and how it is begun again where its worker has died.
    struct RunningTap {
        std::variant<relay::api::CaptureSetup, relay::api::RecordingSetup> setup;
        std::optional<std::chrono::steady_clock::time_point> began;  // nothing: it is only announced so far
    };
    struct Session {
        Worker* worker = nullptr;
        std::string name;  // on the worker
        std::map<std::string, RunningTap> taps;
        std::map<std::string, Watcher> streams;
        std::map<std::string, std::function<void(const relay::api::ProgramEvent&)>> programs;
    };
    struct Opening {
        std::string call;
        StreamSetup setup;
        Watcher watch;
        Opened done;
        std::vector<const Worker*> refused;
        bool again = false;  // the worker died while it was asked
    };

    struct Change {
        std::string stream;
        Side side = Side::caller;
        relay::api::LegSetup setup;
        Updated done;
        bool again = false;
    };

    struct ProgramChange {
        std::string stream;
        relay::api::Program program;
        Updated done;
        bool again = false;
    };

    // Connections (worker_links.cpp).
    void connect(Worker& worker);
    void reconnect_later(Worker& worker);
    void lost(Worker& worker);
    void begin_grace(Worker& worker);
    void give_up(Worker& worker);
    void compare(Worker& worker);
    void settle(Worker& worker, const std::vector<relay::api::SessionId>& there);
    void tell_lost(std::vector<std::pair<std::string, Watcher>> watchers) const;
    void look(Worker& worker);
    void measure(Worker& worker);
    void end_orphans(Worker& worker);
    void with(Worker& worker, std::function<void(bool)> work);
    bool mine(const std::string& name) const;

    Worker* choose(const Opening& opening);
    void start(Opening opening);
    void open_at(Worker& worker, Opening opening);
    void ask_open(Worker& worker, const std::string& name, relay::api::StreamSetup asked, Opening opening);
    void refused(Worker& worker, const relay::api::Error& why, Opening opening);
    void update_at(const std::string& call, Change change);
    void program_at(const std::string& call, ProgramChange change);
    void close_at(Worker& worker, const std::string& name, const std::string& stream, Counted done, bool again = false);
    void forget(const std::string& call, const std::string& stream);
    void event(const relay::api::Event& event);
    // Captures and recordings (worker_taps.cpp).
    void tap_event(const relay::api::Event& event);
    void start_tap(const std::string& call, const std::string& tap, RunningTap wanted, TapDone done,
                   bool again = false);
    void tap_runs(const std::string& call, const std::string& tap, RunningTap wanted, const TapStatus& status);
    void resume_taps(const Worker& worker);
    void resume_tap(const std::string& call, const std::string& tap);
    static std::vector<std::string> to_texts(const std::map<std::string, RunningTap>& taps);
    static std::map<std::string, RunningTap> from_texts(const std::vector<std::string>& texts);
    RunningTap* find_tap(const std::string& call, const std::string& tap);
    relay::api::Client* client_of(const std::string& call) const;
    relay::api::Callback<TapStatus> tap_answer(TapDone done) const;
    std::string call_of(const std::string& name) const;
    void check_silence(const std::string& call, const std::string& stream, relay::api::Leg leg);
    void later(std::function<void()> work);

    boost::asio::io_context& io_;
    std::size_t shard_;
    std::size_t shards_;
    std::string prefix_;
    std::shared_ptr<WorkerRelayShared> shared_;
    std::mt19937 random_{std::random_device{}()};
    std::vector<std::unique_ptr<Worker>> workers_;
    SoundCourier courier_;
    std::map<std::string, Session> sessions_;           // by call
    std::map<std::string, std::string> adopted_names_;  // name on the worker to call, of adopted ones
    std::function<void(const std::string&, const TapStatus&)> tap_ended_;
    std::function<void(const std::string&, const Rtcp&)> rtcp_;
    std::shared_ptr<WorkerRelay*> self_ = std::make_shared<WorkerRelay*>(this);
};

}  // namespace carillon::calls
