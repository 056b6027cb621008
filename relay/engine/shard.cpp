#include "relay/engine/shard.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <system_error>

#include "relay/engine/ice_port.h"
#include "relay/engine/shard_batch.h"
#include "relay/engine/socket_drops.h"
#include "relay/icetcp/ice_tcp_port.h"
#include "stun/binding_server.h"

namespace carillon::relay {

Shard::Shard(ShardOptions options, Events events)
    : options_{options}, events_{std::move(events)}, batch_{std::make_unique<Batch>()} {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (epoll_ < 0 || wake_ < 0) throw std::system_error{errno, std::system_category(), "epoll"};
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
    thread_ = std::thread{[this] { run(); }};
    if (options_.cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(options_.cpu, &cpus);
        ::pthread_setaffinity_np(thread_.native_handle(), sizeof cpus, &cpus);  // a wish: a refusal changes nothing
    }
}

void Shard::stop() {
    stopping_ = true;
    post([] {});
    if (thread_.joinable()) thread_.join();
}

Shard::~Shard() {
    stop();
    commands_.clear();
    ::close(epoll_);
    ::close(wake_);
}

void Shard::post(std::function<void()> command) {
    {
        const std::lock_guard lock{mutex_};
        commands_.push_back(std::move(command));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void Shard::run_commands() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(wake_, &count, sizeof count);
    std::vector<std::function<void()>> work;
    {
        const std::lock_guard lock{mutex_};
        work.swap(commands_);
    }
    for (auto& command : work) command();
}

void Shard::watch(Port& port) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &port}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, port.fd, &event);
}

void Shard::add(std::unique_ptr<Stream> stream) {
    // std::function wants copies; the command runs once.
    auto shared = std::make_shared<std::unique_ptr<Stream>>(std::move(stream));
    post([this, shared] {
        auto& kept = streams_[key((*shared)->session(), (*shared)->id())];
        kept = std::move(*shared);
        for (auto& port : kept->ports()) {
            if (port.shared) continue;
            watch(port);
            marks_.begin(port.fd);
        }
        if (ice_port_) kept->take_seats(*ice_port_);
        if (tcp_port_) kept->take_seats(*tcp_port_);
        if (auto* program = kept->program()) program->attach(*kept);
    });
}

void Shard::close_ports(Stream& stream) {
    for (const auto& port : stream.ports())
        if (!port.shared) marks_.end(port.fd);
}

void Shard::with(std::string key, std::function<void(Stream*)> work, std::function<void()> done) {
    post([this, key = std::move(key), work = std::move(work), done = std::move(done)] {
        const auto found = streams_.find(key);
        work(found == streams_.end() ? nullptr : found->second.get());
        done();
    });
}

void Shard::update(std::string key, std::size_t leg, api::LegSetup setup, std::function<void()> done) {
    post([this, key = std::move(key), leg, setup = std::move(setup), done = std::move(done)] {
        if (const auto found = streams_.find(key); found != streams_.end()) {
            found->second->update(leg, setup, std::chrono::steady_clock::now());
            found->second->told_silent = {};
            pass_due(*found->second, std::chrono::steady_clock::now());
        }
        done();
    });
}

void Shard::remove(std::vector<std::string> keys, std::function<void(std::vector<api::StreamCounters>)> done) {
    post([this, keys = std::move(keys), done = std::move(done)] {
        std::vector<api::StreamCounters> counters;
        for (const auto& key : keys) {
            const auto found = streams_.find(key);
            if (found == streams_.end()) continue;
            gather(*found->second, std::chrono::steady_clock::now());
            count_kernel_drops(*found->second);
            counters.push_back(found->second->counters(std::chrono::steady_clock::now()));
            close_ports(*found->second);
            streams_.erase(found);  // closing a descriptor takes it out of the epoll set
        }
        done(std::move(counters));
    });
}

void Shard::count(std::vector<std::string> keys, std::function<void(std::vector<api::StreamCounters>)> done) {
    post([this, keys = std::move(keys), done = std::move(done)] {
        std::vector<api::StreamCounters> counters;
        for (const auto& key : keys) {
            const auto found = streams_.find(key);
            if (found == streams_.end()) continue;
            gather(*found->second, std::chrono::steady_clock::now());
            count_kernel_drops(*found->second);
            counters.push_back(found->second->counters(std::chrono::steady_clock::now()));
        }
        done(std::move(counters));
    });
}

void Shard::tap(std::vector<std::string> keys, std::shared_ptr<Tap> tap, std::uint8_t first,
                std::function<void()> done) {
    post([this, keys = std::move(keys), tap = std::move(tap), first, done = std::move(done)] {
        for (std::size_t i = 0; i < keys.size(); ++i)
            if (const auto found = streams_.find(keys[i]); found != streams_.end())
                found->second->attach(tap, static_cast<std::uint8_t>(first + i));
        done();
    });
}

void Shard::untap(std::shared_ptr<Tap> tap, std::function<void()> done) {
    post([this, tap = std::move(tap), done = std::move(done)] {
        for (const auto& [key, stream] : streams_) stream->detach(*tap);
        done();
    });
}

void Shard::serve_binding(std::vector<UdpSocket> sockets) {
    auto shared = std::make_shared<std::vector<UdpSocket>>(std::move(sockets));
    post([this, shared] {
        for (auto& socket : *shared) {
            binding_ports_.push_back(std::make_unique<Port>(Port{.fd = socket.fd()}));
            watch(*binding_ports_.back());
            binding_sockets_.push_back(std::move(socket));
        }
    });
}

void Shard::retell_silence() {
    post([this] {
        for (auto& [key, stream] : streams_) stream->told_silent = {};
    });
}

void Shard::serve(std::unique_ptr<ShardService> service) {
    auto shared = std::make_shared<std::unique_ptr<ShardService>>(std::move(service));
    post([this, shared] {
        services_.push_back(std::move(*shared));
        services_.back()->attach(epoll_);
        services_.back()->start([this](Port& port) { watch(port); });
    });
}

void Shard::serve_ice(std::unique_ptr<IcePort> port) {
    post([this, raw = port.get()] { ice_port_ = raw; });
    serve(std::move(port));
}

void Shard::serve_ice(std::unique_ptr<IceTcpPort> port) {
    post([this, raw = port.get()] { tcp_port_ = raw; });
    serve(std::move(port));
}

void Shard::run() {
    constexpr std::chrono::milliseconds kTick{250};
    constexpr int kMaxEvents = 256;
    constexpr unsigned long kTimerSlack = 5'000;  // ns; the usual 50 µs would be added to every wait
    std::array<epoll_event, kMaxEvents> events;
    ::pthread_setname_np(::pthread_self(), "relay-shard");
    ::prctl(PR_SET_TIMERSLACK, kTimerSlack);
    next_tick_ = std::chrono::steady_clock::now() + kTick;
    while (!stopping_) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(next_tick_ - std::chrono::steady_clock::now());
        const int ready =
            ::epoll_wait(epoll_, events.data(), kMaxEvents, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        const auto now = std::chrono::steady_clock::now();
        if (ready < kMaxEvents) ++round_;
        bool commanded = false;
        for (int i = 0; i < ready; ++i) {
            auto* port = static_cast<Port*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (!port) {
                commanded = true;
            } else if (port->service) {
                port->service->ready(*port, events[static_cast<std::size_t>(i)].events, now);
            } else if (port->stream) {
                drain(*port, now);
            } else {
                answer_bindings(*port, now);
            }
        }
        bool together = ready > 1;
        for (const auto& service : services_) {
            service->flush();
            together = service->crowded() || together;
        }
        // After the events: a command may end a stream whose port was among them.
        if (commanded) run_commands();
        if (now >= next_tick_) {
            next_tick_ = now + kTick;
            tick(now);
            for (const auto& service : services_) service->tick(now);
        }
        if (tcp_port_ && tcp_port_->waits()) [[unlikely]]
            tcp_port_->flush();  // what commands and timers have said
        if (together) coalesce(now);
    }
    streams_.clear();
    services_.clear();
}

// The next look comes so long after this one's beginning: under load the work itself takes that long, and nobody
// sleeps.
void Shard::coalesce(SteadyTime looked) const {
    constexpr std::chrono::microseconds kWorthwhile{30};
    const auto left = looked + options_.coalesce - std::chrono::steady_clock::now();
    if (left > kWorthwhile) std::this_thread::sleep_for(left);
}

void Shard::drain(Port& port, SteadyTime now) {
    auto& batch = *batch_;
    const std::size_t count = probe_.looks_at(port.fd) ? receive(port.fd) : receive(port);
    std::size_t queued = 0;
    int fd = -1;
    std::uint8_t mark = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& message = batch.received[i];
        if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            port.stream->count_drop(port.leg, Drop::oversize);
            continue;
        }
        const Bytes datagram{batch.data[i].data(), message.msg_len};
        const auto from = Address::from(batch.from[i]);
        auto* taps = port.stream->taps();
        if (taps) [[unlikely]]
            taps->arrived(port.leg, port.fd, datagram, from);
        const auto decision = port.stream->mode() == api::Mode::bridge
                                  ? port.stream->on_bridged(port, batch.data[i], message.msg_len, from, now)
                                  : port.stream->on_datagram(port, datagram, from, now);
        if (decision.drop != Drop::none) {
            if (decision.drop != Drop::consumed) port.stream->count_drop(port.leg, decision.drop);
            continue;
        }
        if (decision.link) [[unlikely]] {
            const Bytes packet{batch.data[i].data(), decision.size > 0 ? decision.size : message.msg_len};
            if (taps) taps->leaves(decision.leg, decision.fd, packet, decision.to);
            if (decision.link->send(packet)) forwarded_.fetch_add(1, std::memory_order_relaxed);
            continue;
        }
        const auto own = decision.leg == port.leg ? Mark::without_ecn(batch.marks[i]) : batch.marks[i];
        if ((decision.fd != fd || own != mark) && queued > 0) {
            send(fd, queued, mark);
            queued = 0;
        }
        fd = decision.fd;
        mark = own;
        batch.sending[queued].msg_hdr.msg_namelen = decision.to.fill(batch.to[queued]);
        batch.out[queued] = {batch.data[i].data(), decision.size > 0 ? decision.size : message.msg_len};
        if (taps) [[unlikely]]
            taps->leaves(decision.leg, fd, {batch.data[i].data(), batch.out[queued].iov_len}, decision.to);
        ++queued;
    }
    if (queued > 0) send(fd, queued, mark);
    probe_.sent();
    if (port.stream->has_due()) pass_due(*port.stream, now);
}

void Shard::pass_due(Stream& stream, SteadyTime now) {
    const auto send_one = [this, &stream](const Decision& decision, Bytes check) {
        if (auto* taps = stream.taps()) taps->leaves(decision.leg, decision.fd, check, decision.to);
        if (relay::send(decision, check)) forwarded_.fetch_add(1, std::memory_order_relaxed);
    };
    // One check that passes may prove what another waits for; each component of a leg is proven for the first time
    // once.
    for (int round = 0; stream.has_due() && round < 5; ++round) stream.pass_due(now, send_one);
}

void Shard::answer_bindings(const Port& port, SteadyTime now) {
    auto& batch = *batch_;
    const std::size_t count = receive(port.fd);
    for (std::size_t i = 0; i < count; ++i) {
        const auto source = Address::from(batch.from[i]);
        if (!binding_rate_.admit(source, now)) continue;
        stun::TransportAddress told{.port = source.port, .v6 = source.v6};
        std::memcpy(told.ip.data(), source.ip.data(), 16);
        const auto reply = stun::answer_binding({batch.data[i].data(), batch.received[i].msg_len}, told, batch.answer);
        if (reply.empty()) continue;
        bindings_.fetch_add(1, std::memory_order_relaxed);
        ::sendto(port.fd, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 static_cast<const sockaddr*>(batch.received[i].msg_hdr.msg_name),
                 batch.received[i].msg_hdr.msg_namelen);
    }
}

void Shard::count_kernel_drops(Stream& stream) {
    for (auto& port : stream.ports()) {
        if (port.shared) continue;
        const auto drops = new_kernel_drops(port);
        stream.count_drop(port.leg, Drop::socket_full, drops);
        kernel_drops_.fetch_add(drops, std::memory_order_relaxed);
    }
}

/// The next stream's first port: in time each has its turn.
void Shard::choose_probed(SteadyTime now) {
    if (streams_.empty()) return;
    auto chosen = streams_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(probed_++ % streams_.size()));
    auto& ports = chosen->second->ports();
    auto& port = ports[probed_ / streams_.size() % ports.size()];
    if (!port.shared) probe_.look_at(port.fd, now);
}

void Shard::gather(Stream& stream, SteadyTime now) {
    stream.gather(now);
    forwarded_.fetch_add(stream.take_forwarded(), std::memory_order_relaxed);
}

void Shard::tell_rtcp(const Stream& stream, RtcpNotes& notes) {
    notes.take([&](std::size_t leg, Bytes compound, const Address& from) {
        events_({.kind = api::Event::Kind::rtcp,
                 .session = stream.session(),
                 .stream = stream.id(),
                 .leg = static_cast<api::Leg>(leg),
                 .counters = {},
                 .octets = std::string{as_text(compound)},
                 .from = from.str()});
    });
}

void Shard::tick(SteadyTime now) {
    constexpr std::chrono::milliseconds kGather{1000};
    if (probe_.tick()) choose_probed(now);
    std::vector<std::string> ended;
    for (auto& [key, stream] : streams_) {
        if (now - stream->gathered() >= kGather) stream->gather(now);
        forwarded_.fetch_add(stream->take_forwarded(), std::memory_order_relaxed);
        stream->tick(now);
        if (auto* notes = stream->rtcp_notes()) tell_rtcp(*stream, *notes);
        if (stream->expired(now)) {
            ended.push_back(key);
            continue;
        }
        for (std::size_t leg = 0; leg < 2; ++leg) {
            const bool silent = stream->silence(leg, now) > options_.media_timeout;
            if (silent && !stream->told_silent[leg]) {
                events_({.kind = api::Event::Kind::silent,
                         .session = stream->session(),
                         .stream = stream->id(),
                         .leg = static_cast<api::Leg>(leg),
                         .counters = {}});
            }
            stream->told_silent[leg] = silent;
        }
        if (now - stream->reported >= options_.report_interval) {
            stream->reported = now;
            count_kernel_drops(*stream);
            events_({.kind = api::Event::Kind::report,
                     .session = stream->session(),
                     .stream = stream->id(),
                     .leg = {},
                     .counters = stream->counters(now)});
        }
    }
    for (const auto& key : ended) {
        const auto found = streams_.find(key);
        gather(*found->second, now);
        events_({.kind = api::Event::Kind::expired,
                 .session = found->second->session(),
                 .stream = found->second->id(),
                 .leg = {},
                 .counters = found->second->counters(now)});
        close_ports(*found->second);
        streams_.erase(found);
    }
}

}  // namespace carillon::relay
