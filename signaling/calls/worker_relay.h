/// A shard's own access to the relay workers: one connection to each, choice of a worker, and what became of streams
/// when a worker dies.
/// Spec: docs/relay-control.md.
/// Not here: starting workers (relays/), the wire (relay/api/).
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "relay/api/client.h"
#include "signaling/calls/media_relay.h"

namespace carillon::calls {

/// Threading: the shard's.  Owns: its connections; they come back by themselves when a worker does.
/// On a worker, sessions of shard N have names that begin with "N-": what an earlier life of this process has left
/// there is closed at the first connection.
class WorkerRelay final : public MediaRelay {
  public:
    WorkerRelay(boost::asio::io_context& io, std::vector<std::string> sockets, std::size_t shard, std::size_t shards);
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
    void on_tap_ended(std::function<void(const std::string&, const TapStatus&)> handler) override {
        tap_ended_ = std::move(handler);
    }

  private:
    struct Worker {
        std::string socket;
        std::unique_ptr<relay::api::Client> client;
        bool ready = false;
        bool swept = false;
        std::size_t sessions = 0;  // of this shard
        std::unique_ptr<boost::asio::steady_timer> retry;
        std::chrono::milliseconds pause{200};
        std::chrono::steady_clock::time_point full_until{};  // it refused a session: others are asked first
    };
    struct Session {
        Worker* worker = nullptr;
        std::map<std::string, Watcher> streams;
        std::map<std::string, std::function<void(const relay::api::ProgramEvent&)>> programs;
    };

    void connect(Worker& worker);
    void reconnect_later(Worker& worker);
    void lost(Worker& worker);
    void sweep(Worker& worker);
    Worker* choose(const std::vector<const Worker*>& refused);
    void open_at(Worker& worker, const std::string& call, StreamSetup setup, Watcher watch, Opened done,
                 std::vector<const Worker*> refused);
    void forget(const std::string& call, const std::string& stream);
    void event(const relay::api::Event& event);
    relay::api::Client* client_of(const std::string& call) const;
    relay::api::Callback<TapStatus> tap_answer(TapDone done) const;
    void check_silence(const std::string& call, const std::string& stream, relay::api::Leg leg);
    std::string session_name(const std::string& call) const { return prefix_ + call; }
    void later(std::function<void()> work);

    boost::asio::io_context& io_;
    std::size_t shard_;
    std::size_t shards_;
    std::string prefix_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::map<std::string, Session> sessions_;  // by call
    std::function<void(const std::string&, const TapStatus&)> tap_ended_;
    std::shared_ptr<WorkerRelay*> self_ = std::make_shared<WorkerRelay*>(this);
};

}  // namespace carillon::calls
