#include "signaling/calls/worker_relay.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>

#include "config/base/log.h"

namespace carillon::calls {
namespace {

namespace api = relay::api;

constexpr std::chrono::seconds kFullFor{5};
constexpr std::uint64_t kSlackMs = 1000;  // two sides rarely fall silent within the same millisecond

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
            .program = setup.program,
            .tell_rtcp = setup.tell_rtcp && setup.bridged()};
}

/// What an endpoint plays is sent along; what it records are files of this machine.
bool of_this_machine(const StreamSetup& setup) { return setup.writes_files; }

std::vector<jingle::RelayAddress> from_api(const std::vector<api::Address>& addresses, bool tcp = false) {
    std::vector<jingle::RelayAddress> out;
    for (const auto& address : addresses) out.push_back({address.component, address.ip, address.port, tcp});
    return out;
}

SideCounters from_api(const api::LegCounters& leg) {
    return {.packets = leg.packets,
            .bytes = leg.bytes,
            .loss = leg.expected > 0 ? static_cast<double>(leg.lost) / static_cast<double>(leg.expected) : 0,
            .jitter_ms = leg.jitter_ms,
            .expected = leg.expected,
            .lost = leg.lost,
            .silent_ms = leg.silent_ms,
            .round_trip_ms = leg.round_trip_ms,
            .drops = leg.drops,
            .quality = leg.quality,
            .learned = leg.learned};
}

std::vector<StreamCounters> from_api(const std::vector<api::StreamCounters>& counters) {
    std::vector<StreamCounters> out;
    for (const auto& each : counters) out.push_back({each.stream, {from_api(each.a), from_api(each.b)}});
    return out;
}

}  // namespace

WorkerRelay::WorkerRelay(boost::asio::io_context& io, std::vector<std::string> sockets, std::size_t shard,
                         std::size_t shards, std::shared_ptr<WorkerRelayShared> shared)
    : io_{io}, shard_{shard}, shards_{shards}, prefix_{std::to_string(shard) + "-"}, shared_{std::move(shared)} {
    for (auto& socket : sockets) {
        auto& worker = *workers_.emplace_back(std::make_unique<Worker>());
        worker.socket = std::move(socket);
        worker.remote = parse_worker_address(worker.socket).value_or(WorkerAddress{.path = worker.socket}).remote();
        worker.assigned = &shared_->assignments.of(worker.socket);
        for (auto* timer : {&worker.retry, &worker.grace, &worker.look})
            *timer = std::make_unique<boost::asio::steady_timer>(io_);
        begin_grace(worker);  // it is being started: what is asked meanwhile waits for it
        connect(worker);
    }
}

WorkerRelay::~WorkerRelay() { self_.reset(); }

WorkerRelay::Worker* WorkerRelay::choose(const Opening& opening) {
    const bool here = of_this_machine(opening.setup);
    const auto now = std::chrono::steady_clock::now();
    std::vector<Worker*> workers;
    std::vector<Candidate> candidates;
    for (const auto& worker : workers_) {
        if (!worker->ready || (here && worker->remote) ||
            std::ranges::find(opening.refused, worker.get()) != opening.refused.end())
            continue;
        workers.push_back(worker.get());
        candidates.push_back({.load = worker->meter.load(),
                              .pending = *worker->assigned - worker->assigned_then,
                              .full = now < worker->full_until});
    }
    const auto chosen = calls::choose(candidates, random_);
    return chosen ? workers[*chosen] : nullptr;
}

void WorkerRelay::later(std::function<void()> work) {
    boost::asio::post(io_, [alive = std::weak_ptr{self_}, work = std::move(work)] {
        if (!alive.expired()) work();
    });
}

void WorkerRelay::open(const std::string& call, StreamSetup setup, Watcher watch, Opened done) {
    start({.call = call,
           .setup = std::move(setup),
           .watch = std::move(watch),
           .done = std::move(done),
           .refused = {},
           .again = false});
}

/// Streams of one call go to one worker. While the only ones there are start, or start again, a new call waits for
/// them.
void WorkerRelay::start(Opening opening) {
    const auto known = sessions_.find(opening.call);
    auto* worker = known == sessions_.end() ? choose(opening) : known->second.worker;
    if (!worker) {
        const bool here = of_this_machine(opening.setup);
        const auto back = std::ranges::find_if(
            workers_, [here](const auto& each) { return each->waiting && !(here && each->remote); });
        if (back != workers_.end()) worker = back->get();
    }
    if (!worker) return later([done = opening.done] { done(std::unexpected{std::string{"no relay worker"}}); });
    auto shared = std::make_shared<Opening>(std::move(opening));
    with(*worker, [this, worker, shared](bool up) {
        if (!up) return shared->done(std::unexpected{std::string{"no relay worker"}});
        open_at(*worker, std::move(*shared));
    });
}

void WorkerRelay::open_at(Worker& worker, Opening opening) {
    auto known = sessions_.find(opening.call);
    if (known == sessions_.end()) {
        known = sessions_.emplace(opening.call, Session{&worker, prefix_ + opening.call, {}, {}, {}}).first;
        ++*worker.assigned;
    }
    const auto& stream = opening.setup.stream;
    known->second.streams[stream] = opening.watch;
    if (opening.setup.on_event) known->second.programs[stream] = opening.setup.on_event;
    auto asked = to_api(opening.setup);
    const auto name = known->second.name;
    if (!worker.remote) return ask_open(worker, name, std::move(asked), std::move(opening));
    // std::function wants copies; it runs once.
    auto shared = std::make_shared<Opening>(std::move(opening));
    const auto program = asked.program;
    courier_.deliver(
        worker.client, worker.sounds, program,
        [this, alive = std::weak_ptr{self_}, &worker, name, asked = std::move(asked), shared](auto sent) mutable {
            if (alive.expired()) return;
            if (!sent)
                return later([this, &worker, why = sent.error(), shared] { refused(worker, why, std::move(*shared)); });
            asked.program = std::move(*sent);
            ask_open(worker, name, std::move(asked), std::move(*shared));
        });
}

void WorkerRelay::ask_open(Worker& worker, const std::string& name, api::StreamSetup asked, Opening opening) {
    auto answered = [this, alive = std::weak_ptr{self_}, opening = std::move(opening),
                     &worker](const std::expected<api::Ports, api::Error>& ports) mutable {
        if (alive.expired()) return;
        if (!ports) return refused(worker, ports.error(), std::move(opening));
        opening.done(StreamPorts{worker_name(worker.socket),
                                 {from_api(ports->a), from_api(ports->b)},
                                 ports->fingerprint,
                                 {from_api(ports->tcp_a, true), from_api(ports->tcp_b, true)}});
    };
    worker.client->open_stream(name, asked, std::move(answered));
}

void WorkerRelay::refused(Worker& worker, const api::Error& why, Opening opening) {
    const auto call = opening.call;
    // It died with the question: when it is back, asking again finds what it had opened, or opens it.
    if (why.failure == api::Failure::disconnected && !std::exchange(opening.again, true)) {
        auto shared = std::make_shared<Opening>(std::move(opening));
        return later([this, shared] { start(std::move(*shared)); });
    }
    // It has forgotten a sound.
    if (why.failure == api::Failure::not_found && worker.remote && !std::exchange(opening.again, true)) {
        worker.sounds->clear();
        auto shared = std::make_shared<Opening>(std::move(opening));
        return later([this, shared] { start(std::move(*shared)); });
    }
    // Past its deadline it may have been opened all the same.
    if (const auto at = sessions_.find(call); why.failure == api::Failure::timed_out && at != sessions_.end())
        close_at(worker, at->second.name, opening.setup.stream, [](const auto&) {});
    forget(call, opening.setup.stream);
    const bool full = why.failure == api::Failure::draining || why.failure == api::Failure::no_ports ||
                      why.failure == api::Failure::limit;
    if (why.failure == api::Failure::draining) {
        worker.meter.drains();
    } else if (full) {
        worker.full_until = std::chrono::steady_clock::now() + kFullFor;
    }
    opening.refused.push_back(&worker);
    // Another may have room, unless the call has streams here already: one call, one worker.
    auto* other = full && !sessions_.contains(call) ? choose(opening) : nullptr;
    if (!other) return opening.done(std::unexpected{why.reason});
    open_at(*other, std::move(opening));
}

void WorkerRelay::forget(const std::string& call, const std::string& stream) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return;
    at->second.streams.erase(stream);
    at->second.programs.erase(stream);
    if (!at->second.streams.empty()) return;
    adopted_names_.erase(at->second.name);
    sessions_.erase(at);
}

void WorkerRelay::update(const std::string& call, const std::string& stream, Side side, LegSetup leg, Updated done) {
    update_at(call, {stream, side, to_api(leg), std::move(done), false});
}

void WorkerRelay::update_at(const std::string& call, Change change) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return later([done = change.done] { done(false); });
    auto* worker = at->second.worker;
    with(*worker, [this, worker, call, name = at->second.name, change = std::move(change)](bool up) {
        if (!up) return change.done(false);
        auto answered = [this, alive = std::weak_ptr{self_}, call, change](const auto& answer) mutable {
            if (alive.expired()) return;
            // It died with the question: its successor is told again.
            const bool died = !answer && answer.error().failure == api::Failure::disconnected;
            if (!died || std::exchange(change.again, true)) return change.done(answer.has_value());
            later([this, call, change] { update_at(call, change); });
        };
        worker->client->update_leg(name, change.stream, leg_of(change.side), change.setup, std::move(answered));
    });
}

void WorkerRelay::set_program(const std::string& call, const std::string& stream, api::Program program, Updated done) {
    program_at(call, {stream, std::move(program), std::move(done), false});
}

void WorkerRelay::program_at(const std::string& call, ProgramChange change) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return later([done = change.done] { done(false); });
    auto* worker = at->second.worker;
    with(*worker, [this, worker, call, name = at->second.name, change = std::move(change)](bool up) {
        if (!up) return change.done(false);
        auto answered = [this, alive = std::weak_ptr{self_}, call, change](const auto& answer) mutable {
            if (alive.expired()) return;
            // It died with the question: its successor is told again.
            const bool died = !answer && answer.error().failure == api::Failure::disconnected;
            if (!died || std::exchange(change.again, true)) return change.done(answer.has_value());
            later([this, call, change] { program_at(call, change); });
        };
        if (!worker->remote)
            return worker->client->set_program(name, change.stream, change.program, std::move(answered));
        courier_.deliver(
            worker->client, worker->sounds, change.program,
            [this, alive = std::weak_ptr{self_}, worker, name, change, answered = std::move(answered)](auto sent) {
                if (alive.expired()) return;
                if (!sent || !worker->ready) return later([done = change.done] { done(false); });
                worker->client->set_program(name, change.stream, *sent, answered);
            });
    });
}

void WorkerRelay::count(const std::string& call, Counted done) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end() || !at->second.worker->ready) return later([done] { done({}); });
    at->second.worker->client->count(at->second.name, [alive = std::weak_ptr{self_}, done](const auto& answer) {
        if (!alive.expired()) done(answer ? from_api(*answer) : std::vector<StreamCounters>{});
    });
}

void WorkerRelay::close(const std::string& call, const std::string& stream, Counted done) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return later([done] { done({}); });
    close_at(*at->second.worker, at->second.name, stream, std::move(done));
    forget(call, stream);
}

void WorkerRelay::close_at(Worker& worker, const std::string& name, const std::string& stream, Counted done,
                           bool again) {
    with(worker, [this, &worker, name, stream, done = std::move(done), again](bool up) {
        if (!up) return done({});
        worker.client->close_stream(
            name, stream, [this, alive = std::weak_ptr{self_}, &worker, name, stream, done, again](const auto& answer) {
                if (alive.expired()) return;
                if (!answer && answer.error().failure == api::Failure::disconnected && !again)
                    return later([this, &worker, name, stream, done] { close_at(worker, name, stream, done, true); });
                done(answer ? from_api(*answer) : std::vector<StreamCounters>{});
            });
    });
}

/// What every worker speaks: which of them a call will go to is not known yet.
std::vector<std::string> WorkerRelay::video_codecs() const {
    std::optional<std::vector<std::string>> common;
    for (const auto& worker : workers_) {
        if (!worker->ready) continue;
        const auto& theirs = worker->client->video_codecs();
        if (!common) common = theirs;
        std::erase_if(*common, [&](const auto& each) { return std::ranges::find(theirs, each) == theirs.end(); });
    }
    return common.value_or(std::vector<std::string>{});
}

MediaRelay::Place WorkerRelay::place(const std::string& call) const {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return {};
    return {at->second.worker->socket, at->second.name, to_texts(at->second.taps)};
}

void WorkerRelay::adopt(const std::string& call, const Place& place, const std::vector<std::string>& streams,
                        Watcher watch) {
    const auto found = std::ranges::find_if(workers_, [&](const auto& each) { return each->socket == place.worker; });
    if (found == workers_.end()) {  // it is not in the configuration any more
        return later([watch, streams] {
            for (const auto& stream : streams) watch(stream, RelayEvent::lost);
        });
    }
    auto& worker = **found;
    auto& session = sessions_[call];
    session.worker = &worker;
    session.name = place.session;
    session.taps = from_texts(place.taps);
    for (const auto& stream : streams) session.streams[stream] = watch;
    adopted_names_[place.session] = call;
    worker.orphans.erase(place.session);
    if (worker.ready) {
        for (const auto& [tap, running] : session.taps) resume_tap(call, tap);
        return compare(worker);
    }
    worker.waiting = false;  // its grace begins anew
    begin_grace(worker);
}

std::string WorkerRelay::call_of(const std::string& name) const {
    if (const auto adopted = adopted_names_.find(name); adopted != adopted_names_.end()) return adopted->second;
    if (!name.starts_with(prefix_)) return {};  // another shard's
    auto call = name.substr(prefix_.size());
    return sessions_.contains(call) ? call : std::string{};
}

void WorkerRelay::event(const relay::api::Event& happened) {
    if (happened.kind == api::Event::Kind::report) return;
    if (happened.kind == api::Event::Kind::tap) return tap_event(happened);
    const auto call = call_of(happened.session);
    if (call.empty()) return;
    if (happened.kind == api::Event::Kind::rtcp) {
        const auto from = happened.leg == api::Leg::a ? Side::caller : Side::callee;
        if (rtcp_) rtcp_(call, {happened.stream, from, happened.octets, happened.from});
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
        at->second.name, [this, alive = std::weak_ptr{self_}, call, stream, leg](const auto& answer) {
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
