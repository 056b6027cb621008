/// One data thread of the worker: its streams' sockets, read, decided and sent in batches.
/// Spec: docs/relay.md.  Not here: what a datagram means (stream.h), who opens streams (control/).
#pragma once
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "relay/engine/binding_port.h"
#include "relay/engine/latency_probe.h"
#include "relay/engine/shard_service.h"
#include "relay/engine/stream.h"
#include "relay/ports/mark.h"

namespace carillon::relay {

class IcePort;
class IceTcpPort;

struct ShardOptions {
    std::chrono::milliseconds media_timeout{60'000};
    std::chrono::milliseconds report_interval{5'000};
    /// While several ports have something each time, look again only after so long: more packets share an awakening.
    std::chrono::microseconds coalesce{150};
    int cpu = -1;  ///< to pin the thread to; -1: leave it to the kernel
};

/// Threading: the constructor's thread calls the public functions; the work runs on the shard's own thread.
/// Owns: the thread, its streams and their sockets.
class Shard {
  public:
    /// Called on the shard's thread; must hand the event over and return.
    using Events = std::function<void(api::Event)>;

    Shard(ShardOptions options, Events events);
    ~Shard();

    void add(std::unique_ptr<Stream> stream);
    /// `done` runs on the shard's thread, as all below.
    /// `done`, on the shard's thread, once it holds for the packets to come.
    void update(std::string key, std::size_t leg, api::LegSetup setup, std::function<void()> done);
    void remove(std::vector<std::string> keys, std::function<void(std::vector<api::StreamCounters>)> done);
    /// `work`, on the shard's thread, with that stream or nullptr; then `done`.
    void with(std::string key, std::function<void(Stream* stream)> work, std::function<void()> done);
    void count(std::vector<std::string> keys, std::function<void(std::vector<api::StreamCounters>)> done);
    /// Mirrors these streams, numbered from `first` on; and no longer. `done` when it holds for the packets to come.
    void tap(std::vector<std::string> keys, std::shared_ptr<Tap> tap, std::uint8_t first, std::function<void()> done);
    void untap(std::shared_ptr<Tap> tap, std::function<void()> done);
    /// Answers binding requests on these sockets as well.
    void serve_binding(std::vector<UdpSocket> sockets);

    /// Says again which legs are silent: somebody may have come who has not heard it.
    void retell_silence();
    void serve(std::unique_ptr<ShardService> service);
    /// The port that the ICE legs of its streams may share; before any of them comes.
    void serve_ice(std::unique_ptr<IcePort> port);
    /// Where they are reached over TCP; before any of them comes.
    void serve_ice(std::unique_ptr<IceTcpPort> port);
    /// Runs on the shard's thread, in order. From any thread.
    void post(std::function<void()> command);
    /// Ends the thread; the streams and services end with it. What is posted afterwards does not run.
    void stop();

    std::uint64_t forwarded() const { return forwarded_.load(std::memory_order_relaxed); }
    /// Datagrams that found a stream's socket full, as of the last reports.
    std::uint64_t kernel_drops() const { return kernel_drops_.load(std::memory_order_relaxed); }
    const LatencyHistogram& latency() const { return latency_; }
    std::uint64_t binding_requests() const { return bindings_.load(std::memory_order_relaxed); }
    static std::string key(const std::string& session, const std::string& stream) { return session + '\n' + stream; }

  private:
    void run();
    void run_commands();
    void tick(SteadyTime now);
    void tell_rtcp(const Stream& stream, RtcpNotes& notes);
    void coalesce(SteadyTime looked) const;
    void drain(Port& port, SteadyTime now);
    void pass_due(Stream& stream, SteadyTime now);
    void count_kernel_drops(Stream& stream);
    void gather(Stream& stream, SteadyTime now);
    void choose_probed(SteadyTime now);
    void answer_bindings(const Port& port, SteadyTime now);
    std::size_t receive(int fd);
    std::size_t receive(Port& port);
    void send(int fd, std::size_t count, std::uint8_t mark);
    bool send_segments(int fd, std::size_t count, std::optional<std::uint8_t> mark);
    void close_ports(Stream& stream);
    void watch(Port& port);

    static constexpr std::size_t kBatch = 32;
    static constexpr std::size_t kMaxDatagram = 2048;
    struct Batch;

    ShardOptions options_;
    Events events_;
    int epoll_ = -1;
    int wake_ = -1;
    std::mutex mutex_;  // guards commands_: never taken on the packet path
    std::vector<std::function<void()>> commands_;
    std::atomic<bool> stopping_{false};
    std::unordered_map<std::string, std::unique_ptr<Stream>> streams_;
    std::vector<UdpSocket> binding_sockets_;
    std::vector<std::unique_ptr<Port>> binding_ports_;
    BindingRate binding_rate_;
    std::vector<std::unique_ptr<ShardService>> services_;
    IcePort* ice_port_ = nullptr;     // one of them
    IceTcpPort* tcp_port_ = nullptr;  // one of them
    std::unique_ptr<Batch> batch_;
    SocketMarks marks_;
    std::atomic<std::uint64_t> forwarded_{0};
    std::atomic<std::uint64_t> bindings_{0};
    std::atomic<std::uint64_t> kernel_drops_{0};
    LatencyHistogram latency_;
    LatencyProbe probe_{latency_};
    std::size_t probed_ = 0;  // streams that have had their turn
    SteadyTime next_tick_{};
    std::uint32_t round_ = 0;   // looks at the sockets so far
    bool segmentation_ = true;  // until the kernel refuses UDP_SEGMENT
    std::thread thread_;
};

}  // namespace carillon::relay
