/// The worker's control thread: sessions and their streams by name, ports, shards, and the requests on them.
/// Spec: relay/api/control.proto, docs/relay-control.md.  Not here: framing and connections (server.h).
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "relay/api/convert.h"
#include "relay/api/latency.h"
#include "relay/control/ice_ports.h"
#include "relay/control/ice_tcp_ports.h"
#include "relay/control/sound_shelf.h"
#include "relay/control/tap_desk.h"
#include "relay/engine/shard.h"
#include "relay/journal/journal.h"
#include "relay/kernel/kernel_path.h"
#include "relay/media/programs.h"
#include "relay/ports/port_allocator.h"
#include "relay/turn/turn_doors.h"
#include "relay/turn/turn_service.h"

namespace carillon::relay {

struct WorkerOptions {
    PortOptions ports;
    /// What endpoints are told instead of the bind address at the same place; an empty text: the bind address itself.
    std::vector<std::string> advertise;
    std::uint16_t ice_port = 0;      ///< that ICE legs which end here share, the next for each further shard; 0: none
    std::uint16_t ice_tcp_port = 0;  ///< where ICE legs are reached over TCP, the next for each further shard; 0: none
    IceTcpLimits ice_tcp{};
    std::size_t shards = 1;
    bool pin = false;  ///< shard n to processor n
    std::size_t max_sessions = 100'000;
    std::size_t max_streams_per_session = 32;
    std::chrono::milliseconds media_timeout{60'000};
    std::chrono::milliseconds report_interval{5'000};
    std::chrono::microseconds coalesce = ShardOptions{}.coalesce;
    /// Network devices at which the kernel forwards settled flows; empty: all packets pass through the worker.
    std::vector<std::string> kernel_path;
    std::vector<std::string> stun_bind;  ///< addresses of the binding server; empty: none
    std::uint16_t stun_port = 3478;
    MediaOptions media;
    TurnOptions turn;  ///< on the binding server's addresses; off without secrets and users
    /// Where what a successor needs is kept; empty: nowhere, and the streams end with the process.
    std::filesystem::path journal;
};

/// Threading: the io_context's thread (the control thread).  Owns: the shards.
class Worker {
  public:
    using Respond = std::function<void(api::proto::Reply)>;

    /// Throws std::runtime_error with the remedy when an address cannot be used.
    Worker(boost::asio::io_context& io, WorkerOptions options);
    ~Worker();

    /// Answers once, on the control thread, now or later.
    void handle(const api::proto::Request& request, Respond respond);
    void on_event(std::function<void(const api::proto::Event&)> handler) { event_ = std::move(handler); }
    std::size_t sessions() const { return sessions_.size(); }
    /// Of TURN, on all shards.
    std::uint64_t allocations() const;
    /// Ends the streams that have carried nothing from either side for twice the media time-out: for when nobody else
    /// does.
    void end_silent();
    bool draining() const { return draining_; }
    /// Whether TURN answers STUN over TCP as well, so that nobody else needs to.
    bool serves_streams() const { return turn_shared_ && turn_shared_->options.tcp; }
    std::shared_ptr<TurnShared> turn() const { return turn_shared_; }
    /// Reads TURN's certificates anew. On failure the old ones stay, and the text says why.
    std::expected<void, std::string> reload_certificates();

  private:
    struct OpenedStream {
        api::Mode mode;
        bool rtcp;
        api::Ports told;
        std::array<journal::LegPorts, 2> ports;  // by leg
        std::optional<MediaPrograms::Running> program{};
        api::Program::Kind program_kind = api::Program::Kind::none;
    };
    struct Session {
        std::size_t shard = 0;
        std::map<std::string, OpenedStream> streams;
    };

    void open_stream(const api::proto::OpenStream& request, Respond respond);
    void update_leg(const api::proto::UpdateLeg& request, Respond respond);
    void set_program(const api::proto::SetProgram& request, Respond respond);
    void put_sound(const api::proto::PutSound& request, const Respond& respond);
    void close_stream(const api::proto::CloseStream& request, Respond respond);
    void count(const api::proto::Count& request, Respond respond);
    void start_tap(const api::proto::StartTap& request, const Respond& respond);
    void list(Respond respond);
    void status(Respond respond);
    void take_event(api::Event event);
    MediaJob::Tell teller(const std::string& session, const std::string& stream);
    std::expected<MediaPrograms::Started, api::proto::Reply> start_program(const std::string& session,
                                                                           const std::string& stream,
                                                                           const api::Program& program,
                                                                           std::size_t shard,
                                                                           const Continuation& stood = {});
    void add_program(const api::proto::SetProgram& request, Session& session, OpenedStream& stream,
                     const api::Program& program, Respond respond);
    Respond later(Respond respond);
    void forget(const std::string& session, const std::string& stream);
    // ICE legs on a shared port (worker_ice.cpp).
    /// A leg's ports, by component; empty: none is free.
    std::vector<BoundPort> take_ports(const std::string& session, const api::StreamSetup& setup, std::size_t leg,
                                      std::size_t shard);
    void give_back(const std::string& session, const std::string& stream, std::size_t leg,
                   const journal::LegPorts& ports);
    /// Whether a leg may be called by what it is now said to be called by.
    bool may_rename(const std::string& session, const std::string& stream, std::size_t leg, const api::LegSetup& setup);
    /// Where that leg is reached over TCP; empty: nowhere.
    std::vector<api::Address> told_tcp(const api::StreamSetup& setup, std::size_t leg, std::size_t components,
                                       std::size_t shard) const;
    std::optional<BoundPort> claim_port(const journal::ReadStream& left, std::size_t leg, std::size_t component,
                                        std::size_t shard);
    // What a predecessor has left (taking_up.cpp).
    void take_up();
    bool take_up(journal::ReadStream& left, std::size_t shard, SteadyTime now);
    std::optional<MediaPrograms::Started> begin_again(journal::ReadStream& left, std::size_t shard, SteadyTime now);
    /// Once a second: a sign of life, and a look at the load.
    void beat();
    void measure();
    std::uint64_t packets() const;
    std::unique_ptr<journal::Record> record_of(const std::string& session, const api::StreamSetup& setup,
                                               const OpenedStream& opened, SteadyTime began, SteadyTime expires);
    std::vector<api::Address> told(const std::vector<BoundPort>& ports) const;
    std::size_t lightest_shard() const;
    void open_kernel_path();
    void open_binding_server();
    void open_turn_server();
    std::shared_ptr<const dtls::Identity> identity();
    UdpSocket stun_socket(const std::string& ip, std::uint16_t port, bool shared) const;
    void serve_turn(std::size_t place, const std::vector<TurnDoor>& doors);
    void inherit_turn(std::size_t place, TurnService& service);

    boost::asio::io_context& io_;
    WorkerOptions options_;
    PortAllocator ports_;
    IcePorts ice_ports_;
    IceTcpPorts ice_tcp_;
    std::map<std::string, Session> sessions_;
    std::vector<journal::LeftAllocation> turn_left_;  // until the shards have them
    std::vector<journal::LeftReservation> turn_reserved_;
    std::uint32_t attempts_ = 0;           // to take up what is in the journal
    std::vector<std::size_t> shard_load_;  // streams by shard
    std::function<void(const api::proto::Event&)> event_;
    std::vector<std::shared_ptr<TurnCounters>> turn_;  // by shard; empty without TURN
    std::shared_ptr<TurnShared> turn_shared_;
    std::vector<std::unique_ptr<TurnService>> turn_services_;  // until all are made
    std::vector<MediaOutlet*> outlets_;                        // by shard, which owns them
    std::unique_ptr<MediaPrograms> programs_;
    SoundShelf sounds_;
    bool draining_ = false;
    std::shared_ptr<KernelPath> kernel_;              // none: as without
    std::shared_ptr<const dtls::Identity> identity_;  // of bridged legs; made when first needed
    std::chrono::steady_clock::time_point identity_made_{};
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::unique_ptr<journal::Journal> journal_;  // outlives the shards, whose streams write to it
    boost::asio::steady_timer beats_;
    struct Sample {
        std::chrono::steady_clock::time_point at = std::chrono::steady_clock::now();
        double cpu_s = 0;
        std::uint64_t packets = 0;
    } sample_;
    api::LatencyCounts latency() const;
    void remember_latency();
    std::array<api::LatencyCounts, 2> latency_before_{};  // a minute ago at least, and when that minute began
    std::chrono::steady_clock::time_point latency_kept_ = std::chrono::steady_clock::now();
    double cpu_load_ = 0;
    std::uint64_t packets_per_second_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    TapDesk taps_;
    std::vector<std::unique_ptr<Shard>> shards_;  // last: their threads end before what they report to
};

}  // namespace carillon::relay
