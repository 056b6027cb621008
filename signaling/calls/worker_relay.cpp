#include "signaling/calls/worker_relay.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <filesystem>

#include "config/base/log.h"

namespace carillon::calls {
namespace {

namespace api = relay::api;

constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::seconds kFullFor{5};
constexpr std::uint64_t kSlackMs = 1000;  // two sides rarely fall silent within the same millisecond

std::string name_of(const std::string& socket) { return std::filesystem::path{socket}.stem().string(); }

api::Leg leg_of(Side side) { return side == Side::caller ? api::Leg::a : api::Leg::b; }

api::LegSetup to_api(const LegSetup& leg) {
    api::LegSetup out;
    for (const auto& ice : leg.ice) out.ice.push_back({ice.ufrag, ice.pwd});
    for (const auto& remote : leg.remotes) out.remotes.push_back({remote.component, remote.ip, remote.port});
    if (!leg.bridge) return out;
    out.use_ice = leg.bridge->manner.ice;
    if (out.use_ice) out.own_ice = {leg.bridge->own.ufrag, leg.bridge->own.pwd};
    out.controlling = leg.bridge->controlling;
    out.rtcp_mux = leg.bridge->mux;
    out.security = leg.bridge->security;
    out.payload_types = leg.bridge->payload_types;
    return out;
}

api::StreamSetup to_api(const StreamSetup& setup) {
    return {.stream = setup.stream,
            .mode = setup.bridged() ? api::Mode::bridge
                    : setup.ice     ? api::Mode::ice
                    : setup.open    ? api::Mode::open
                                    : api::Mode::plain,
            .rtcp = setup.rtcp,
            .a = to_api(setup.legs[index(Side::caller)]),
            .b = to_api(setup.legs[index(Side::callee)]),
            .expire = {},
            .program = setup.program};
}

std::vector<jingle::RelayAddress> from_api(const std::vector<api::Address>& addresses) {
    std::vector<jingle::RelayAddress> out;
    for (const auto& address : addresses) out.push_back({address.component, address.ip, address.port});
    return out;
}

SideCounters from_api(const api::LegCounters& leg) {
    return {.packets = leg.packets,
            .bytes = leg.bytes,
            .loss = leg.expected > 0 ? static_cast<double>(leg.lost) / static_cast<double>(leg.expected) : 0,
            .jitter_ms = leg.jitter_ms,
            .expected = leg.expected,
            .lost = leg.lost,
            .round_trip_ms = leg.round_trip_ms};
}

std::vector<StreamCounters> from_api(const std::vector<api::StreamCounters>& counters) {
    std::vector<StreamCounters> out;
    for (const auto& each : counters) out.push_back({each.stream, {from_api(each.a), from_api(each.b)}});
    return out;
}

}  // namespace

WorkerRelay::WorkerRelay(boost::asio::io_context& io, std::vector<std::string> sockets, std::size_t shard,
                         std::size_t shards)
    : io_{io}, shard_{shard}, shards_{shards}, prefix_{std::to_string(shard) + "-"} {
    for (auto& socket : sockets) {
        auto& worker = *workers_.emplace_back(std::make_unique<Worker>());
        worker.socket = std::move(socket);
        worker.retry = std::make_unique<boost::asio::steady_timer>(io_);
        connect(worker);
    }
}

WorkerRelay::~WorkerRelay() { self_.reset(); }

void WorkerRelay::connect(Worker& worker) {
    const auto alive = std::weak_ptr{self_};
    worker.client = std::make_unique<api::Client>(io_, worker.socket);
    worker.client->on_event([this, alive](const api::Event& happened) {
        if (!alive.expired()) event(happened);
    });
    worker.client->on_lost([this, alive, &worker] {
        if (!alive.expired()) lost(worker);
    });
    worker.client->connect([this, alive, &worker](std::expected<void, api::Error> connected) {
        if (alive.expired()) return;
        if (!connected) {
            log::debug("no relay worker", {{"socket", worker.socket}, {"error", connected.error().reason}});
            return reconnect_later(worker);
        }
        log::info("relay worker connected", {{"socket", worker.socket}, {"shard", shard_}});
        worker.ready = true;
        worker.pause = kFirstPause;
        if (!std::exchange(worker.swept, true)) sweep(worker);
    });
}

void WorkerRelay::reconnect_later(Worker& worker) {
    worker.retry->expires_after(worker.pause);
    worker.pause = std::min(worker.pause * 2, kLongestPause);
    worker.retry->async_wait([this, alive = std::weak_ptr{self_}, &worker](auto error) {
        if (!error && !alive.expired()) connect(worker);
    });
}

void WorkerRelay::lost(Worker& worker) {
    const bool was_ready = std::exchange(worker.ready, false);
    if (was_ready) log::warning("relay worker lost", {{"socket", worker.socket}, {"sessions", worker.sessions}});
    worker.sessions = 0;
    std::vector<std::pair<std::string, Watcher>> watchers;
    std::erase_if(sessions_, [&](auto& session) {
        if (session.second.worker != &worker) return false;
        for (auto& entry : session.second.streams) watchers.emplace_back(entry.first, std::move(entry.second));
        return true;
    });
    reconnect_later(worker);
    const auto alive = std::weak_ptr{self_};
    for (const auto& [stream, watch] : watchers) {
        if (alive.expired()) return;
        watch(stream, RelayEvent::lost);
    }
}

/// Closes what nobody knows any more: sessions of this shard, and of shards that there are no more, from before.
void WorkerRelay::sweep(Worker& worker) {
    worker.client->list_sessions([this, alive = std::weak_ptr{self_}, &worker](const auto& sessions) {
        if (alive.expired() || !sessions || !worker.ready) return;
        for (const auto& [name, streams] : *sessions) {
            std::size_t owner = 0;
            const auto dash = name.find('-');
            const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), owner);
            if (error != std::errc{} || dash == name.npos || end != name.data() + dash) continue;
            const bool mine = owner == shard_ || (shard_ == 0 && owner >= shards_);
            if (!mine || sessions_.contains(name.substr(dash + 1))) continue;
            worker.client->close_stream(name, {}, [](const auto&) {});
        }
    });
}

/// The least busy of those that have not refused; one that refused another session lately only when there is no other.
WorkerRelay::Worker* WorkerRelay::choose(const std::vector<const Worker*>& refused) {
    const auto now = std::chrono::steady_clock::now();
    Worker* best = nullptr;
    const auto better = [now](const Worker& a, const Worker& b) {
        const bool a_full = now < a.full_until;
        const bool b_full = now < b.full_until;
        return a_full != b_full ? b_full : a.sessions < b.sessions;
    };
    for (const auto& worker : workers_) {
        if (!worker->ready || std::ranges::find(refused, worker.get()) != refused.end()) continue;
        if (!best || better(*worker, *best)) best = worker.get();
    }
    return best;
}

void WorkerRelay::later(std::function<void()> work) {
    boost::asio::post(io_, [alive = std::weak_ptr{self_}, work = std::move(work)] {
        if (!alive.expired()) work();
    });
}

void WorkerRelay::open(const std::string& call, StreamSetup setup, Watcher watch, Opened done) {
    const auto known = sessions_.find(call);
    auto* worker = known == sessions_.end() ? choose({}) : known->second.worker;
    if (!worker || !worker->ready) {
        return later([done] { done(std::unexpected{std::string{"no relay worker"}}); });
    }
    open_at(*worker, call, std::move(setup), std::move(watch), std::move(done), {});
}

void WorkerRelay::open_at(Worker& worker, const std::string& call, StreamSetup setup, Watcher watch, Opened done,
                          std::vector<const Worker*> refused) {
    auto known = sessions_.find(call);
    if (known == sessions_.end()) {
        known = sessions_.emplace(call, Session{&worker, {}, {}}).first;
        ++worker.sessions;
    }
    const auto stream = setup.stream;
    known->second.streams[stream] = watch;
    if (setup.on_event) known->second.programs[stream] = setup.on_event;
    const auto asked = to_api(setup);
    auto answered = [this, alive = std::weak_ptr{self_}, call, setup = std::move(setup), watch = std::move(watch),
                     done = std::move(done), refused = std::move(refused),
                     &worker](const std::expected<api::Ports, api::Error>& ports) mutable {
        if (alive.expired()) return;
        if (ports)
            return done(
                StreamPorts{name_of(worker.socket), {from_api(ports->a), from_api(ports->b)}, ports->fingerprint});
        const auto why = ports.error();
        // Past its deadline it may have been opened all the same.
        if (why.failure == api::Failure::timed_out && worker.ready)
            worker.client->close_stream(session_name(call), setup.stream, [](const auto&) {});
        forget(call, setup.stream);
        const bool full = why.failure == api::Failure::draining || why.failure == api::Failure::no_ports ||
                          why.failure == api::Failure::limit;
        if (full) worker.full_until = std::chrono::steady_clock::now() + kFullFor;
        refused.push_back(&worker);
        // Another may have room, unless the call has streams here already: one call, one worker.
        auto* other = full && !sessions_.contains(call) ? choose(refused) : nullptr;
        if (!other) return done(std::unexpected{why.reason});
        open_at(*other, call, std::move(setup), std::move(watch), std::move(done), std::move(refused));
    };
    worker.client->open_stream(session_name(call), asked, std::move(answered));
}

void WorkerRelay::forget(const std::string& call, const std::string& stream) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return;
    at->second.streams.erase(stream);
    at->second.programs.erase(stream);
    if (!at->second.streams.empty()) return;
    if (at->second.worker->sessions > 0) --at->second.worker->sessions;
    sessions_.erase(at);
}

void WorkerRelay::update(const std::string& call, const std::string& stream, Side side, LegSetup leg, Updated done) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end() || !at->second.worker->ready) return later([done] { done(false); });
    at->second.worker->client->update_leg(session_name(call), stream, leg_of(side), to_api(leg),
                                          [alive = std::weak_ptr{self_}, done](const auto& answer) {
                                              if (!alive.expired()) done(answer.has_value());
                                          });
}

void WorkerRelay::set_program(const std::string& call, const std::string& stream, api::Program program, Updated done) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end() || !at->second.worker->ready) return later([done] { done(false); });
    at->second.worker->client->set_program(session_name(call), stream, program,
                                           [alive = std::weak_ptr{self_}, done](const auto& answer) {
                                               if (!alive.expired()) done(answer.has_value());
                                           });
}

void WorkerRelay::count(const std::string& call, Counted done) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end() || !at->second.worker->ready) return later([done] { done({}); });
    at->second.worker->client->count(session_name(call), [alive = std::weak_ptr{self_}, done](const auto& answer) {
        if (!alive.expired()) done(answer ? from_api(*answer) : std::vector<StreamCounters>{});
    });
}

void WorkerRelay::close(const std::string& call, const std::string& stream, Counted done) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end() || !at->second.worker->ready) return later([done] { done({}); });
    at->second.worker->client->close_stream(session_name(call), stream,
                                            [alive = std::weak_ptr{self_}, done](const auto& answer) {
                                                if (!alive.expired())
                                                    done(answer ? from_api(*answer) : std::vector<StreamCounters>{});
                                            });
    forget(call, stream);
}

void WorkerRelay::event(const relay::api::Event& happened) {
    if (!happened.session.starts_with(prefix_)) return;  // another shard's
    const auto call = happened.session.substr(prefix_.size());
    if (happened.kind == api::Event::Kind::tap) {
        if (tap_ended_) tap_ended_(call, happened.tap);
        return;
    }
    if (happened.kind == api::Event::Kind::silent) return check_silence(call, happened.stream, happened.leg);
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return;
    if (happened.kind == api::Event::Kind::program) {
        const auto program = at->second.programs.find(happened.stream);
        if (program == at->second.programs.end()) return;
        const auto tell = program->second;
        return tell(happened.program);
    }
    if (happened.kind != api::Event::Kind::expired) return;
    const auto watch = at->second.streams.find(happened.stream);
    if (watch == at->second.streams.end()) return;
    const auto tell = watch->second;
    forget(call, happened.stream);
    tell(happened.stream, RelayEvent::lost);
}

/// A worker tells of one leg. One side may well be quiet for long (muted); silence is when both are.
void WorkerRelay::check_silence(const std::string& call, const std::string& stream, api::Leg leg) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end() || !at->second.worker->ready) return;
    at->second.worker->client->count(
        session_name(call), [this, alive = std::weak_ptr{self_}, call, stream, leg](const auto& answer) {
            if (alive.expired() || !answer) return;
            const auto counters = std::ranges::find(*answer, stream, &api::StreamCounters::stream);
            const auto session = sessions_.find(call);
            if (counters == answer->end() || session == sessions_.end()) return;
            const auto watch = session->second.streams.find(stream);
            if (watch == session->second.streams.end()) return;
            // The leg told of has just reached the worker's time-out; the other has too when it is silent as long.
            const auto told = leg == api::Leg::a ? counters->a.silent_ms : counters->b.silent_ms;
            const auto theirs = leg == api::Leg::a ? counters->b.silent_ms : counters->a.silent_ms;
            if (theirs + std::min(kSlackMs, told / 2) < told) return;
            const auto tell = watch->second;
            tell(stream, RelayEvent::silent);
        });
}

}  // namespace carillon::calls
