#include "relay/control/worker.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "relay/api/frame.h"

namespace carillon::relay {

namespace proto = api::proto;

namespace {

constexpr std::size_t kMaxName = 256;
constexpr int kMaxCredentials = 4;
constexpr int kMaxRemotes = 8;

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

proto::Reply refuse(proto::Refusal refusal, std::string reason) {
    proto::Reply reply;
    reply.set_refusal(refusal);
    reply.set_reason(std::move(reason));
    return reply;
}

std::string fault_in(const proto::LegSecurity& security, bool ice) {
    if (security.protection() < proto::PROTECTION_NONE || security.protection() > proto::PROTECTION_DTLS)
        return "the protection is not one of this version";
    if (security.protection() == proto::PROTECTION_DTLS && !ice)
        return "DTLS needs ICE: its address is not proven else";
    if (security.fingerprint().size() > kMaxName || security.fingerprint_hash().size() > kMaxName)
        return "a fingerprint has at most 256 characters";
    if (security.protection() != proto::PROTECTION_SDES) return {};
    const auto profile = srtp::profile_named(security.suite());
    if (!profile) return "the crypto-suite is not known";
    const auto [key_length, salt_length] = srtp::lengths_of(*profile);
    const auto wrong = [size = key_length + salt_length](const proto::SrtpKey& key) {
        return key.key_and_salt().size() != size || key.mki().size() > srtp::kMaxMki;
    };
    if (std::ranges::any_of(security.local(), wrong) || std::ranges::any_of(security.remote(), wrong))
        return "a key is not as long as its crypto-suite wants, or its MKI is longer than 16 octets";
    if (security.local_size() > static_cast<int>(srtp::kMaxMasterKeys) ||
        security.remote_size() > static_cast<int>(srtp::kMaxMasterKeys))
        return "a leg has at most 4 master keys each way";
    return {};
}

/// Empty when the setup can be used; else what is wrong with it.
std::string fault_in(const proto::LegSetup& setup) {
    if (setup.ice_size() > kMaxCredentials) return "a leg has at most 4 generations of ICE credentials";
    if (setup.remotes_size() > kMaxRemotes) return "a leg has at most 8 remote addresses";
    for (const auto& ice : setup.ice()) {
        // RFC 8445 §5.3: at least 4 and 22 characters, at most 256 each. Short ones could be guessed.
        if (ice.ufrag().size() < 4 || ice.ufrag().size() > 256) return "an ICE ufrag has 4 to 256 characters";
        if (ice.pwd().size() < 22 || ice.pwd().size() > 256) return "an ICE password has 22 to 256 characters";
    }
    for (const auto& remote : setup.remotes()) {
        if (remote.component() < 1 || remote.component() > 2) return "a component is 1 or 2";
        if (remote.port() > 65535 || !Address::parse(remote.ip(), static_cast<std::uint16_t>(remote.port()))) {
            return "a remote needs a numeric address and a port";
        }
    }
    if (setup.use_ice() && (setup.own_ice().ufrag().size() < 4 || setup.own_ice().ufrag().size() > 256 ||
                            setup.own_ice().pwd().size() < 22 || setup.own_ice().pwd().size() > 256))
        return "the relay's own ICE ufrag has 4 to 256 characters, its password 22 to 256";
    for (const auto& [from, to] : setup.payload_types())
        if (from > 127 || to > 127) return "a payload type is 0 to 127";
    return fault_in(setup.security(), setup.use_ice());
}

}  // namespace

std::string fault_in(const proto::OpenStream& request) {
    const auto& setup = request.setup();
    if (request.session().empty() || request.session().size() > kMaxName)
        return "a session has a name of 1 to 256 octets";
    if (setup.stream().empty() || setup.stream().size() > kMaxName) return "a stream has a name of 1 to 256 octets";
    if (request.session().contains('\n')) return "a session's name has no line feed";
    if (setup.mode() < proto::MODE_ICE || setup.mode() > proto::MODE_BRIDGE)
        return "the mode is not one of this version";
    if (auto fault = fault_in(setup.a()); !fault.empty()) return fault;
    if (auto fault = fault_in(setup.b()); !fault.empty()) return fault;
    if (setup.has_program() && setup.program().kind() != proto::Program::NONE && setup.mode() != proto::MODE_BRIDGE)
        return "a program needs a bridged stream";
    return program_fault(api::from_proto(setup.program()));
}

Worker::Worker(boost::asio::io_context& io, WorkerOptions options)
    : io_{io},
      options_{std::move(options)},
      ports_{options_.ports},
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
    programs_ = std::make_unique<MediaPrograms>(options_.media);
    take_up();  // before anybody else takes a port
    beat();
    open_binding_server();
}

Worker::~Worker() {
    programs_.reset();                                // media threads wake shards
    for (const auto& shard : shards_) shard->stop();  // all of them, before the first is gone: they post to one another
    shards_.clear();
}

UdpSocket Worker::stun_socket(const std::string& ip, std::uint16_t port, bool shared) const {
    const auto address = Address::parse(ip, port);
    auto socket = address ? UdpSocket::bind(*address, options_.ports.receive_buffer, shared) : std::unexpected{EINVAL};
    if (socket) return std::move(*socket);
    throw std::runtime_error{"STUN cannot use " + ip + " port " + std::to_string(port) + ": " +
                             std::strerror(socket.error()) + "; choose another stun port, or stop the other server"};
}

void Worker::open_binding_server() {
    if (!options_.turn.secrets.empty() || !options_.turn.users.empty()) return open_turn_server();
    std::vector<UdpSocket> sockets;
    for (const auto& ip : options_.stun_bind) sockets.push_back(stun_socket(ip, options_.stun_port, false));
    if (!sockets.empty()) shards_.front()->serve_binding(std::move(sockets));
}

void Worker::open_turn_server() {
    if (options_.stun_bind.empty()) return;
    const auto doors = turn_doors(options_.turn, options_.stun_bind, options_.stun_port);
    // Shared ports bear no witness to a second server: try alone first.
    for (const auto& door : doors) {
        stun_socket(door.ip, door.port, false);
        if (options_.turn.tcp && door.streams) listen_for_turn(door, false);
    }
    turn_shared_ = std::make_shared<TurnShared>(options_.turn, ports_, options_.advertise);
    for (std::size_t i = 0; i < shards_.size(); ++i) serve_turn(i, doors);
}

// Each shard has sockets of its own on the port; the kernel keeps a client at one of them (SO_REUSEPORT).
void Worker::serve_turn(std::size_t place, const std::vector<TurnDoor>& doors) {
    std::vector<TurnService::Listener> listeners;
    std::vector<TurnService::StreamListener> streams;
    for (const auto& door : doors) {
        listeners.push_back({stun_socket(door.ip, door.port, true), door.local(), door.discovery,
                             door.alternate_address, door.alternate_port});
        if (options_.turn.tcp && door.streams) streams.push_back({listen_for_turn(door, true), door.local()});
    }
    turn_.push_back(std::make_shared<TurnCounters>());
    auto service = std::make_unique<TurnService>(turn_shared_, static_cast<std::uint8_t>(place), std::move(listeners),
                                                 std::move(streams), turn_.back());
    turn_shared_->shards.push_back([shard = shards_[place].get(), turn = service.get()](TurnShared::Errand errand) {
        shard->post([turn, errand = std::move(errand)] { errand(*turn); });
    });
    turn_services_.push_back(std::move(service));
    if (turn_services_.size() < shards_.size()) return;
    // Only now, when each of them can find the others.
    for (std::size_t i = 0; i < shards_.size(); ++i) shards_[i]->serve(std::move(turn_services_[i]));
    turn_services_.clear();
}

std::expected<void, std::string> Worker::reload_certificates() {
    return turn_shared_ ? turn_shared_->load_certificates() : std::expected<void, std::string>{};
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
            return answer({});
        case proto::Request::kStatus:
            return status(std::move(answer));
        case proto::Request::kStartTap:
            return start_tap(request.start_tap(), answer);
        case proto::Request::kStopTap:
            return taps_.stop(request.stop_tap(), std::move(answer));
        case proto::Request::kListTaps:
            return taps_.list(request.list_taps().session(), std::move(answer));
        case proto::Request::WHAT_NOT_SET:
            break;
    }
    answer(refuse(proto::REFUSAL_BAD_REQUEST, "not a request of this version"));
}

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
    const auto setup = api::from_proto(request.setup());
    const auto& name = request.session();
    auto known = sessions_.find(name);
    if (known != sessions_.end()) {
        if (const auto stream = known->second.streams.find(setup.stream); stream != known->second.streams.end()) {
            if (stream->second.mode != setup.mode || stream->second.rtcp != setup.rtcp) {
                return respond(refuse(proto::REFUSAL_CONFLICT, "such a stream is open with another mode"));
            }
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
    const auto shard = known == sessions_.end() ? lightest_shard() : known->second.shard;
    std::optional<MediaPrograms::Started> program;
    if (setup.program.kind != api::Program::Kind::none) {
        auto started = start_program(name, setup.stream, setup.program, shard);
        if (!started) return respond(std::move(started.error()));
        program = std::move(*started);
    }
    const bool one_leg = setup.program.kind == api::Program::Kind::endpoint;
    Stream::Ports bound{ports_.allocate(setup.rtcp), {}};
    if (!one_leg) bound[1] = ports_.allocate(setup.rtcp);
    if (bound[0].empty() || (bound[1].empty() && !one_leg)) {
        for (const auto& leg : bound) {
            for (const auto& port : leg) ports_.release(port.port);
        }
        return respond(
            refuse(proto::REFUSAL_NO_PORTS, "no free relay port is left: widen the port range or add a worker"));
    }
    if (known == sessions_.end()) known = sessions_.emplace(name, Session{.shard = shard, .streams = {}}).first;
    OpenedStream opened{.mode = setup.mode,
                        .rtcp = setup.rtcp,
                        .told = {told(bound[0]), told(bound[1]), {}},
                        .ports = {},
                        .program = {},
                        .program_kind = setup.program.kind};
    if (program) opened.program = program->ticket;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        for (const auto& port : bound[leg]) opened.ports[leg].push_back(port.port);
    }
    std::shared_ptr<const dtls::Identity> certificate;
    if (setup.mode == api::Mode::bridge) {
        certificate = identity();
        opened.told.fingerprint = certificate->fingerprint().value;
    }
    proto::Reply reply;
    api::to_proto(opened.told, *reply.mutable_ports());
    const auto now = std::chrono::steady_clock::now();
    auto stream = std::make_unique<Stream>(name, setup, std::move(bound), now, std::move(certificate));
    if (!program)  // what a program hears and says is not in the journal
        stream->keep_in(
            record_of(name, setup, opened, now, setup.expire.count() > 0 ? now + setup.expire : SteadyTime{}));
    known->second.streams.emplace(setup.stream, std::move(opened));
    ++shard_load_[known->second.shard];
    if (program) stream->carry(std::move(program->link));
    shards_[known->second.shard]->add(std::move(stream));
    taps_.stream_opened(name, Shard::key(name, setup.stream), *shards_[known->second.shard]);
    respond(std::move(reply));
}

std::expected<MediaPrograms::Started, proto::Reply> Worker::start_program(const std::string& session,
                                                                          const std::string& stream,
                                                                          const api::Program& program,
                                                                          std::size_t shard) {
    auto tell = [this, alive = std::weak_ptr{alive_}, session, stream](api::ProgramEvent event) {
        boost::asio::post(io_, [this, alive, session, stream, event = std::move(event)] {
            if (!alive.lock()) return;
            take_event({.kind = api::Event::Kind::program,
                        .session = session,
                        .stream = stream,
                        .leg = {},
                        .counters = {},
                        .program = event});
        });
    };
    auto started = programs_->start(program, *outlets_[shard], std::move(tell));
    if (started) return std::move(*started);
    return std::unexpected{
        refuse(started.error().busy ? proto::REFUSAL_LIMIT : proto::REFUSAL_BAD_REQUEST, started.error().reason)};
}

/// For a shard to call: answers on the control thread.
Worker::Respond Worker::later(Respond respond) {
    return [this, alive = std::weak_ptr{alive_}, respond = std::move(respond)](const proto::Reply& reply) {
        boost::asio::post(io_, [alive, respond, reply] {
            if (alive.lock()) respond(reply);
        });
    };
}

void Worker::set_program(const proto::SetProgram& request, Respond respond) {
    const auto program = api::from_proto(request.program());
    if (auto fault = program_fault(program); !fault.empty())
        return respond(refuse(proto::REFUSAL_BAD_REQUEST, std::move(fault)));
    const auto session = sessions_.find(request.session());
    if (session == sessions_.end() || !session->second.streams.contains(request.stream()))
        return respond(refuse(proto::REFUSAL_NOT_FOUND, "no such stream"));
    auto& opened = session->second.streams.at(request.stream());
    const bool fresh = opened.program_kind == api::Program::Kind::none && opened.mode == api::Mode::bridge &&
                       program.kind == api::Program::Kind::transcode;
    if (fresh) return add_program(request, session->second, opened, program, std::move(respond));
    if (!opened.program || opened.program_kind != program.kind)
        return respond(refuse(proto::REFUSAL_CONFLICT, "the stream has no program of that kind"));
    const auto changed = programs_->change(*opened.program, program);
    if (!changed) return respond(refuse(proto::REFUSAL_BAD_REQUEST, changed.error().reason));
    // Answered when it holds for the packets to come.
    shards_[session->second.shard]->with(
        Shard::key(request.session(), request.stream()),
        [program](Stream* stream) {
            if (stream && stream->program()) stream->program()->set(program);
        },
        [answer = later(std::move(respond))] { answer({}); });
}

/// A bridge becomes a transcode when it turns out that its ends share no codec.
void Worker::add_program(const proto::SetProgram& request, Session& session, OpenedStream& stream,
                         const api::Program& program, Respond respond) {
    auto started = start_program(request.session(), request.stream(), program, session.shard);
    if (!started) return respond(std::move(started.error()));
    stream.program = started->ticket;
    stream.program_kind = program.kind;
    // std::function wants copies; the command runs once.
    auto link = std::make_shared<std::unique_ptr<MediaLink>>(std::move(started->link));
    shards_[session.shard]->with(
        Shard::key(request.session(), request.stream()),
        [link](Stream* found) {
            if (!found) return link->reset();
            found->carry(std::move(*link));
            found->program()->attach(*found);
        },
        [answer = later(std::move(respond))] { answer({}); });
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
    for (const auto& leg : opened->second.ports)
        for (const auto port : leg) ports_.release(port);
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

std::uint64_t Worker::allocations() const {
    std::uint64_t sum = 0;
    for (const auto& counters : turn_) sum += counters->allocations;
    return sum;
}

std::uint64_t Worker::packets() const {
    std::uint64_t sum = 0;
    for (const auto& shard : shards_) sum += shard->forwarded();
    for (const auto& counters : turn_) sum += counters->packets;
    for (const auto* outlet : outlets_) sum += outlet->sent();
    return sum;
}

void Worker::measure() {
    const auto now = std::chrono::steady_clock::now();
    const Sample sample{now, cpu_seconds(), packets()};
    if (const double passed = std::chrono::duration<double>(now - sample_.at).count(); passed > 0.1) {
        cpu_load_ = std::max(0.0, sample.cpu_s - sample_.cpu_s) / passed;
        packets_per_second_ =
            static_cast<std::uint64_t>(static_cast<double>(sample.packets - sample_.packets) / passed);
        sample_ = sample;
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

void Worker::status(Respond respond) {
    proto::Reply reply;
    auto& status = *reply.mutable_status();
    status.set_program("carillon-relay");
    status.set_sessions(sessions_.size());
    std::uint64_t streams = 0;
    for (const auto load : shard_load_) streams += load;
    status.set_streams(streams);
    status.set_ports_free(ports_.free());
    status.set_draining(draining_);
    status.set_threads(static_cast<std::uint32_t>(shards_.size()));
    std::uint64_t kernel_drops = 0;
    for (const auto& shard : shards_) kernel_drops += shard->kernel_drops();
    status.set_kernel_drops(kernel_drops);
    std::uint64_t bindings = 0;
    for (const auto& shard : shards_) bindings += shard->binding_requests();
    std::uint64_t unauthorized = 0;
    for (const auto& counters : turn_) {
        bindings += counters->bindings;
        unauthorized += counters->unauthorized;
    }
    const auto media = programs_->load();
    status.set_media_jobs(media.jobs);
    status.set_media_busy(media.busiest);
    status.set_media_late(media.late);
    status.set_turn_allocations(allocations());
    status.set_turn_unauthorized(unauthorized);
    status.set_packets(packets());
    status.set_binding_requests(bindings);
    status.set_cpu_s(cpu_seconds());
    status.set_cpu_load(cpu_load_);
    status.set_packets_per_second(packets_per_second_);
    status.set_uptime_s(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_).count()));
    respond(std::move(reply));
}

void Worker::take_event(api::Event event) {
    proto::Event out;
    out.set_kind(event.kind == api::Event::Kind::program   ? proto::Event::KIND_PROGRAM
                 : event.kind == api::Event::Kind::silent  ? proto::Event::KIND_SILENT
                 : event.kind == api::Event::Kind::expired ? proto::Event::KIND_EXPIRED
                                                           : proto::Event::KIND_REPORT);
    out.set_session(event.session);
    out.set_stream(event.stream);
    out.set_leg(static_cast<proto::Leg>(event.leg));
    if (event.kind == api::Event::Kind::program) {
        api::to_proto(event.program, *out.mutable_program());
    } else if (event.kind != api::Event::Kind::silent) {
        api::to_proto(event.counters, *out.mutable_counters());
    }
    if (event.kind == api::Event::Kind::expired) forget(event.session, event.stream);
    if (event_) event_(out);
}

}  // namespace carillon::relay
