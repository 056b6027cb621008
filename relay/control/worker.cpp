#include "relay/control/worker.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "relay/api/frame.h"
#include "relay/control/request_check.h"

namespace carillon::relay {

namespace proto = api::proto;

Worker::Worker(boost::asio::io_context& io, WorkerOptions options)
    : io_{io},
      options_{std::move(options)},
      ports_{options_.ports},
      ice_ports_{options_.ports, options_.ice_port, std::max<std::size_t>(options_.shards, 1)},
      ice_tcp_{options_.ports, options_.ice_tcp_port, std::max<std::size_t>(options_.shards, 1), options_.ice_tcp},
      beats_{io_},
      taps_{io, [this](const proto::Event& event) {
                if (event_) event_(event);
            }} {
    for (const auto& ip : options_.ports.bind) {
        const auto address = Address::parse(ip, 1);
        if (!address) throw std::runtime_error{"relay bind address '" + ip + "' is not a numeric IP address"};
        auto probe = *address;
        probe.port = 0;
        if (const auto tried = UdpSocket::bind(probe); !tried) {
            throw std::runtime_error{"relay bind address " + ip +
                                     " is not an address of this host: " + std::strerror(tried.error())};
        }
    }
    const auto processors = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.shards, 1); ++i) {
        const ShardOptions shard{.media_timeout = options_.media_timeout,
                                 .report_interval = options_.report_interval,
                                 .coalesce = options_.coalesce,
                                 .cpu = options_.pin ? static_cast<int>(i % processors) : -1};
        shards_.push_back(std::make_unique<Shard>(shard, [this, alive = std::weak_ptr{alive_}](api::Event event) {
            boost::asio::post(io_, [this, alive, event = std::move(event)]() mutable {
                if (alive.lock()) take_event(std::move(event));
            });
        }));
    }
    shard_load_.resize(shards_.size());
    for (const auto& shard : shards_) {
        auto outlet = std::make_unique<MediaOutlet>();
        outlets_.push_back(outlet.get());
        shard->serve(std::move(outlet));
    }
    for (std::size_t i = 0; ice_ports_.on() && i < shards_.size(); ++i) shards_[i]->serve_ice(ice_ports_.port_of(i));
    for (std::size_t i = 0; ice_tcp_.on() && i < shards_.size(); ++i) shards_[i]->serve_ice(ice_tcp_.port_of(i));
    programs_ = std::make_unique<MediaPrograms>(options_.media);
    open_kernel_path();
    take_up();  // before anybody else takes a port
    beat();
    open_binding_server();
    if (journal_) journal_->settle(attempts_);
    turn_left_.clear();
}

Worker::~Worker() {
    programs_.reset();                                // media threads wake shards
    for (const auto& shard : shards_) shard->stop();  // all of them, before the first is gone: they post to one another
    shards_.clear();
}

void Worker::handle(const proto::Request& request, Respond respond) {
    auto answer = [id = request.id(), respond = std::move(respond)](proto::Reply reply) {
        reply.set_id(id);
        respond(std::move(reply));
    };
    switch (request.what_case()) {
        case proto::Request::kHello: {
            if (request.hello().version() != api::kVersion) {
                return answer(
                    refuse(proto::REFUSAL_VERSION, "this worker speaks version " + std::to_string(api::kVersion)));
            }
            for (const auto& shard : shards_) shard->retell_silence();
            proto::Reply reply;
            reply.set_version(api::kVersion);
            for (auto& codec : MediaPrograms::video_codecs()) reply.add_video_codecs(std::move(codec));
            return answer(std::move(reply));
        }
        case proto::Request::kOpenStream:
            return open_stream(request.open_stream(), std::move(answer));
        case proto::Request::kUpdateLeg:
            return update_leg(request.update_leg(), std::move(answer));
        case proto::Request::kCloseStream:
            return close_stream(request.close_stream(), std::move(answer));
        case proto::Request::kCount:
            return count(request.count(), std::move(answer));
        case proto::Request::kSetProgram:
            return set_program(request.set_program(), std::move(answer));
        case proto::Request::kListSessions:
            return list(std::move(answer));
        case proto::Request::kDrain:
            draining_ = request.drain().on();
            if (journal_) journal_->set_draining(draining_);
            if (turn_shared_) turn_shared_->draining = draining_;
            return answer({});
        case proto::Request::kStatus:
            return status(std::move(answer));
        case proto::Request::kStartTap:
            return start_tap(request.start_tap(), answer);
        case proto::Request::kStopTap:
            return taps_.stop(request.stop_tap(), std::move(answer));
        case proto::Request::kListTaps:
            return taps_.list(request.list_taps().session(), std::move(answer));
        case proto::Request::kPutSound:
            return put_sound(request.put_sound(), answer);
        case proto::Request::WHAT_NOT_SET:
            break;
    }
    answer(refuse(proto::REFUSAL_BAD_REQUEST, "not a request of this version"));
}

namespace {

journal::LegPorts numbers_of(const std::vector<BoundPort>& ports) {
    journal::LegPorts out;
    for (const auto& port : ports) out.push_back(port.port);
    return out;
}

}  // namespace

std::vector<api::Address> Worker::told(const std::vector<BoundPort>& ports) const {
    std::vector<api::Address> addresses;
    for (std::size_t component = 0; component < ports.size(); ++component) {
        for (std::size_t i = 0; i < options_.ports.bind.size(); ++i) {
            const bool own = i >= options_.advertise.size() || options_.advertise[i].empty();
            addresses.push_back({.component = static_cast<unsigned>(component + 1),
                                 .ip = own ? options_.ports.bind[i] : options_.advertise[i],
                                 .port = ports[component].port});
        }
    }
    return addresses;
}

std::size_t Worker::lightest_shard() const {
    return static_cast<std::size_t>(std::ranges::min_element(shard_load_) - shard_load_.begin());
}

/// One certificate for a day: the fingerprint says which worker it is, which its addresses say anyway.
std::shared_ptr<const dtls::Identity> Worker::identity() {
    constexpr std::chrono::hours kLifetime{24};
    const auto now = std::chrono::steady_clock::now();
    if (!identity_ || now - identity_made_ > kLifetime) {
        identity_ = std::make_shared<const dtls::Identity>();
        identity_made_ = now;
        if (journal_) journal_->set_identity(identity_->stored());
    }
    return identity_;
}

void Worker::open_stream(const proto::OpenStream& request, Respond respond) {
    if (auto fault = fault_in(request); !fault.empty())
        return respond(refuse(proto::REFUSAL_BAD_REQUEST, std::move(fault)));
    auto setup = api::from_proto(request.setup());
    if (auto there = sounds_.resolve(setup.program); !there)
        return respond(refuse(proto::REFUSAL_NOT_FOUND, std::move(there.error())));
    const auto& name = request.session();
    auto known = sessions_.find(name);
    if (known != sessions_.end()) {
        if (const auto stream = known->second.streams.find(setup.stream); stream != known->second.streams.end()) {
            if (stream->second.mode != setup.mode || stream->second.rtcp != setup.rtcp) {
                return respond(refuse(proto::REFUSAL_CONFLICT, "such a stream is open with another mode"));
            }
            if (!may_rename(name, setup.stream, 0, setup.a) || !may_rename(name, setup.stream, 1, setup.b))
                return respond(refuse(proto::REFUSAL_CONFLICT, "another leg has that ICE ufrag"));
            // A repeated request: what it signals is taken again, the ports are the same.
            const auto key = Shard::key(name, setup.stream);
            proto::Reply reply;
            api::to_proto(stream->second.told, *reply.mutable_ports());
            shards_[known->second.shard]->update(key, 0, setup.a, [] {});
            return shards_[known->second.shard]->update(
                key, 1, setup.b, [this, alive = std::weak_ptr{alive_}, respond = std::move(respond), reply] {
                    boost::asio::post(io_, [alive, respond, reply] {
                        if (alive.lock()) respond(reply);
                    });
                });
        }
        if (known->second.streams.size() >= options_.max_streams_per_session) {
            return respond(refuse(proto::REFUSAL_LIMIT, "the session has as many streams as it may have"));
        }
    } else {
        if (draining_) return respond(refuse(proto::REFUSAL_DRAINING, "the worker is being drained"));
        if (sessions_.size() >= options_.max_sessions) {
            return respond(refuse(proto::REFUSAL_LIMIT, "the worker has as many sessions as it may have"));
        }
    }
    const auto fresh = ice_tcp_.on() ? ice_tcp_.shard_of(name) : lightest_shard();
    const auto shard = known == sessions_.end() ? fresh : known->second.shard;
    std::optional<MediaPrograms::Started> program;
    if (setup.program.kind != api::Program::Kind::none) {
        auto started = start_program(name, setup.stream, setup.program, shard);
        if (!started) return respond(std::move(started.error()));
        program = std::move(*started);
    }
    const bool one_leg = setup.program.kind == api::Program::Kind::endpoint;
    Stream::Ports bound{take_ports(name, setup, 0, shard), {}};
    if (!one_leg) bound[1] = take_ports(name, setup, 1, shard);
    if (bound[0].empty() || (bound[1].empty() && !one_leg)) {
        for (std::size_t leg = 0; leg < 2; ++leg)
            give_back(name, setup.stream, leg, numbers_of(std::exchange(bound[leg], {})));
        return respond(
            refuse(proto::REFUSAL_NO_PORTS, "no free relay port is left: widen the port range or add a worker"));
    }
    if (known == sessions_.end()) known = sessions_.emplace(name, Session{.shard = shard, .streams = {}}).first;
    OpenedStream opened{.mode = setup.mode,
                        .rtcp = setup.rtcp,
                        .told = {told(bound[0]),
                                 told(bound[1]),
                                 {},
                                 told_tcp(setup, 0, bound[0].size(), shard),
                                 told_tcp(setup, 1, bound[1].size(), shard)},
                        .ports = {},
                        .program = {},
                        .program_kind = setup.program.kind};
    if (program) opened.program = program->running;
    for (std::size_t leg = 0; leg < 2; ++leg) opened.ports[leg] = numbers_of(bound[leg]);
    std::shared_ptr<const dtls::Identity> certificate;
    if (setup.mode == api::Mode::bridge) {
        certificate = identity();
        opened.told.fingerprint = certificate->fingerprint().value;
    }
    proto::Reply reply;
    api::to_proto(opened.told, *reply.mutable_ports());
    const auto now = std::chrono::steady_clock::now();
    auto stream = std::make_unique<Stream>(name, setup, std::move(bound), now, std::move(certificate));
    if (kernel_) stream->forward_in_kernel(kernel_);
    if (program) stream->carry(std::move(program->link));
    if (!one_leg)  // who speaks to the relay itself loses it with the worker
        stream->keep_in(
            record_of(name, setup, opened, now, setup.expire.count() > 0 ? now + setup.expire : SteadyTime{}));
    known->second.streams.emplace(setup.stream, std::move(opened));
    ++shard_load_[known->second.shard];
    taps_.stream_opened(name, *stream);
    auto& home = *shards_[known->second.shard];
    // A port of its own keeps what comes before the shard knows of it; on a shared one that would be a stranger's.
    const bool shares = ice_tcp_.on() || std::ranges::any_of(stream->ports(), &Port::shared);
    home.add(std::move(stream));
    if (!shares) return respond(std::move(reply));
    home.with(
        Shard::key(name, setup.stream), [](Stream*) {},
        [respond = later(std::move(respond)), reply = std::move(reply)] { respond(reply); });
}

/// For a shard to call: answers on the control thread.
Worker::Respond Worker::later(Respond respond) {
    return [this, alive = std::weak_ptr{alive_}, respond = std::move(respond)](const proto::Reply& reply) {
        boost::asio::post(io_, [alive, respond, reply] {
            if (alive.lock()) respond(reply);
        });
    };
}

void Worker::update_leg(const proto::UpdateLeg& request, Respond respond) {
    if (auto fault = fault_in(request.setup()); !fault.empty()) {
        return respond(refuse(proto::REFUSAL_BAD_REQUEST, std::move(fault)));
    }
    const auto session = sessions_.find(request.session());
    if (session == sessions_.end() || !session->second.streams.contains(request.stream())) {
        return respond(refuse(proto::REFUSAL_NOT_FOUND, "no such stream"));
    }
    const std::size_t leg = request.leg() == proto::LEG_B ? 1 : 0;
    if (!may_rename(request.session(), request.stream(), leg, api::from_proto(request.setup())))
        return respond(refuse(proto::REFUSAL_CONFLICT, "another leg has that ICE ufrag"));
    // Answered only when it holds: the endpoints are told of one another next, and their first packets count.
    shards_[session->second.shard]->update(Shard::key(request.session(), request.stream()), leg,
                                           api::from_proto(request.setup()),
                                           [this, alive = std::weak_ptr{alive_}, respond = std::move(respond)] {
                                               boost::asio::post(io_, [alive, respond] {
                                                   if (alive.lock()) respond({});
                                               });
                                           });
}

namespace {

/// Collects what several shards answer, each on its own thread, and goes on once on the control thread.
struct Gathering {
    std::vector<api::StreamCounters> counters;
    std::size_t waiting = 0;
};

}  // namespace

void Worker::close_stream(const proto::CloseStream& request, Respond respond) {
    const auto session = sessions_.find(request.session());
    if (session == sessions_.end()) return respond({});  // idempotent: it is closed
    std::vector<std::string> names;
    for (const auto& [name, stream] : session->second.streams) {
        if (request.stream().empty() || request.stream() == name) names.push_back(name);
    }
    std::vector<std::string> keys;
    for (const auto& name : names) keys.push_back(Shard::key(request.session(), name));
    shards_[session->second.shard]->remove(
        keys, [this, alive = std::weak_ptr{alive_}, session_name = request.session(), names,
               respond = std::move(respond)](std::vector<api::StreamCounters> counters) {
            boost::asio::post(io_, [this, alive, session_name, names, respond, counters = std::move(counters)] {
                if (!alive.lock()) return;
                // The sockets are closed by now: only here may the ports be given out again.
                for (const auto& name : names) forget(session_name, name);
                proto::Reply reply;
                for (const auto& stream : counters) api::to_proto(stream, *reply.add_counters());
                respond(std::move(reply));
            });
        });
}

void Worker::forget(const std::string& session, const std::string& stream) {
    const auto known = sessions_.find(session);
    if (known == sessions_.end()) return;
    const auto opened = known->second.streams.find(stream);
    if (opened == known->second.streams.end()) return;
    for (std::size_t leg = 0; leg < 2; ++leg) give_back(session, stream, leg, opened->second.ports[leg]);
    --shard_load_[known->second.shard];
    known->second.streams.erase(opened);
    if (!known->second.streams.empty()) return;
    sessions_.erase(known);
    taps_.session_over(session);
}

void Worker::start_tap(const proto::StartTap& request, const Respond& respond) {
    const auto known = sessions_.find(request.session());
    if (known == sessions_.end()) return respond(refuse(proto::REFUSAL_NOT_FOUND, "no such session"));
    TapDesk::Session session{.shard = shards_[known->second.shard].get(), .keys = {}, .streams = {}, .bridged = true};
    for (const auto& [name, stream] : known->second.streams) {
        session.keys.push_back(Shard::key(request.session(), name));
        session.streams.push_back(name);
        session.bridged = session.bridged && stream.mode == api::Mode::bridge;
        session.forwards_ice = session.forwards_ice || stream.mode == api::Mode::ice;
    }
    taps_.start(request, session, respond);
}

void Worker::count(const proto::Count& request, Respond respond) {
    std::vector<std::vector<std::string>> keys(shards_.size());
    for (const auto& [name, session] : sessions_) {
        if (!request.session().empty() && request.session() != name) continue;
        for (const auto& [stream, opened] : session.streams) keys[session.shard].push_back(Shard::key(name, stream));
    }
    auto gathering = std::make_shared<Gathering>();
    gathering->waiting = shards_.size();
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        shards_[i]->count(std::move(keys[i]), [this, alive = std::weak_ptr{alive_}, gathering,
                                               respond](std::vector<api::StreamCounters> counters) {
            boost::asio::post(io_, [this, alive, gathering, respond, counters = std::move(counters)]() mutable {
                if (!alive.lock()) return;
                std::ranges::move(counters, std::back_inserter(gathering->counters));
                if (--gathering->waiting > 0) return;
                proto::Reply reply;
                for (auto& stream : gathering->counters) {
                    const auto session = sessions_.find(stream.session);
                    if (session != sessions_.end() && session->second.streams.contains(stream.stream)) {
                        stream.ports = session->second.streams.at(stream.stream).told;
                    }
                    api::to_proto(stream, *reply.add_counters());
                }
                respond(std::move(reply));
            });
        });
    }
}

void Worker::end_silent() {
    // Twice the time-out: a server that comes back hears of the silence first, and says why the call ends.
    const auto limit = 2 * static_cast<std::uint64_t>(options_.media_timeout.count());
    count({}, [this, limit](const proto::Reply& reply) {
        for (const auto& stream : reply.counters()) {
            if (stream.a().silent_ms() < limit || stream.b().silent_ms() < limit) continue;
            proto::CloseStream close;
            close.set_session(stream.session());
            close.set_stream(stream.stream());
            close_stream(close, [](const proto::Reply&) {});
        }
    });
}

void Worker::list(Respond respond) {
    proto::Reply reply;
    for (const auto& [name, session] : sessions_) {
        auto* out = reply.add_sessions();
        out->set_session(name);
        for (const auto& [stream, opened] : session.streams) out->add_streams(stream);
    }
    respond(std::move(reply));
}

void Worker::take_event(api::Event event) {
    proto::Event out;
    out.set_kind(event.kind == api::Event::Kind::program   ? proto::Event::KIND_PROGRAM
                 : event.kind == api::Event::Kind::silent  ? proto::Event::KIND_SILENT
                 : event.kind == api::Event::Kind::expired ? proto::Event::KIND_EXPIRED
                 : event.kind == api::Event::Kind::rtcp    ? proto::Event::KIND_RTCP
                                                           : proto::Event::KIND_REPORT);
    out.set_session(event.session);
    out.set_stream(event.stream);
    out.set_leg(static_cast<proto::Leg>(event.leg));
    if (event.kind == api::Event::Kind::program) {
        api::to_proto(event.program, *out.mutable_program());
    } else if (event.kind == api::Event::Kind::rtcp) {
        out.set_rtcp(event.octets);
        out.set_from(event.from);
    } else if (event.kind != api::Event::Kind::silent) {
        api::to_proto(event.counters, *out.mutable_counters());
    }
    if (event.kind == api::Event::Kind::expired) forget(event.session, event.stream);
    if (event_) event_(out);
}

}  // namespace carillon::relay
