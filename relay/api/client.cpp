#include "relay/api/client.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>

#include "relay/api/convert.h"
#include "relay/api/frame.h"

namespace carillon::relay::api {

namespace asio = boost::asio;
using boost::system::error_code;
using Answer = std::expected<proto::Reply, Error>;

namespace {

Failure failure_of(proto::Refusal refusal) {
    switch (refusal) {
        case proto::REFUSAL_NO_PORTS:
            return Failure::no_ports;
        case proto::REFUSAL_DRAINING:
            return Failure::draining;
        case proto::REFUSAL_LIMIT:
            return Failure::limit;
        case proto::REFUSAL_NOT_FOUND:
            return Failure::not_found;
        case proto::REFUSAL_CONFLICT:
            return Failure::conflict;
        case proto::REFUSAL_VERSION:
            return Failure::version;
        default:
            return Failure::bad_request;
    }
}

template <class T, class Read>
std::function<void(Answer)> answering(Callback<T> done, Read read) {
    return [done = std::move(done), read = std::move(read)](Answer answer) {
        if (!answer) return done(std::unexpected{answer.error()});
        done(read(*answer));
    };
}

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& context, std::string worker, TlsFiles files)
        : io{context}, sweep{context}, address{std::move(worker)}, tls{std::move(files)} {}

    struct Waiting {
        std::chrono::steady_clock::time_point until;
        std::function<void(Answer)> done;
    };

    void ask(proto::Request request, std::function<void(Answer)> done) {
        if (!open || waiting.size() >= kMaxWaiting) {
            return asio::post(io, [done = std::move(done), open = open] {
                done(std::unexpected{Error{open ? Failure::limit : Failure::disconnected,
                                           open ? "too many requests wait for the relay worker" : "no relay worker"}});
            });
        }
        request.set_id(++last_id);
        waiting.emplace(last_id, Waiting{std::chrono::steady_clock::now() + kDeadline, std::move(done)});
        outgoing.push_back(frame(request.SerializeAsString()));
        if (outgoing.size() == 1) write();
    }

    void write() {
        connection->write(asio::buffer(outgoing.front()), [self = shared_from_this()](error_code ec) {
            if (ec || !self->open) return self->lose();
            self->outgoing.pop_front();
            if (!self->outgoing.empty()) self->write();
        });
    }

    /// Goes from one read to the next. Where the io_context ends before the connection does, the read that waits ends
    /// with it, and with that the requests: their callbacks may hold the client, which would hold itself.
    struct Reading {
        explicit Reading(std::shared_ptr<Impl> impl) : of{std::move(impl)} {}
        Reading(const Reading&) = delete;
        ~Reading() { std::exchange(of->waiting, {}); }
        std::shared_ptr<Impl> of;
    };

    void read_head(std::shared_ptr<Reading> reading) {
        connection->read(asio::buffer(head), [this, reading = std::move(reading)](error_code ec) {
            const auto length = frame_length(head.data());
            if (ec || !open || length > kMaxFrame) return lose();
            body.resize(length);
            connection->read(asio::buffer(body), [this, reading](error_code failed) {
                if (failed || !open || !take()) return lose();
                if (open) read_head(reading);
            });
        });
    }

    bool take() {
        proto::FromWorker message;
        if (!message.ParseFromString(body)) return false;
        if (message.has_event()) {
            if (events) {
                const auto& event = message.event();
                const auto kind = event.kind() == proto::Event::KIND_PROGRAM   ? Event::Kind::program
                                  : event.kind() == proto::Event::KIND_SILENT  ? Event::Kind::silent
                                  : event.kind() == proto::Event::KIND_EXPIRED ? Event::Kind::expired
                                  : event.kind() == proto::Event::KIND_TAP     ? Event::Kind::tap
                                  : event.kind() == proto::Event::KIND_RTCP    ? Event::Kind::rtcp
                                                                               : Event::Kind::report;
                events({.kind = kind,
                        .session = event.session(),
                        .stream = event.stream(),
                        .leg = static_cast<Leg>(event.leg()),
                        .counters = from_proto(event.counters()),
                        .program = from_proto(event.program()),
                        .tap = from_proto(event.tap()),
                        .octets = event.rtcp(),
                        .from = event.from()});
            }
            return true;
        }
        const auto found = waiting.find(message.reply().id());
        if (found == waiting.end()) return true;  // past its deadline
        auto done = std::move(found->second.done);
        waiting.erase(found);
        if (message.reply().refusal() != proto::REFUSAL_NONE) {
            done(std::unexpected{Error{failure_of(message.reply().refusal()), message.reply().reason()}});
        } else {
            done(message.reply());
        }
        return true;
    }

    void tick() {
        sweep.expires_after(std::chrono::milliseconds{100});
        sweep.async_wait([self = shared_from_this()](error_code ec) {
            if (ec || !self->open) return;
            const auto now = std::chrono::steady_clock::now();
            while (!self->waiting.empty() && self->waiting.begin()->second.until <= now) {  // ids grow with deadlines
                auto done = std::move(self->waiting.begin()->second.done);
                self->waiting.erase(self->waiting.begin());
                done(std::unexpected{Error{Failure::timed_out, "the relay worker does not answer"}});
            }
            self->tick();
        });
    }

    void lose() {
        if (!open) return;
        open = false;
        connection->close();
        sweep.cancel();
        for (auto& [id, request] : std::exchange(waiting, {})) {
            request.done(std::unexpected{Error{Failure::disconnected, "the relay worker is gone"}});
        }
        if (lost) lost();
    }

    static constexpr std::size_t kMaxWaiting = 100'000;
    asio::io_context& io;
    std::shared_ptr<Connection> connection;
    asio::steady_timer sweep;
    std::string address;
    TlsFiles tls;
    bool open = false;
    std::uint64_t last_id = 0;
    std::map<std::uint64_t, Waiting> waiting;
    std::deque<std::string> outgoing;
    std::array<char, 4> head{};
    std::string body;
    std::function<void(Event)> events;
    std::function<void()> lost;
    std::vector<std::string> video_codecs;
};

Client::Client(asio::io_context& io, std::string address, TlsFiles tls)
    : impl_{std::make_shared<Impl>(io, std::move(address), std::move(tls))} {}

Client::~Client() {
    impl_->events = nullptr;
    impl_->lost = nullptr;
    close();
}

void Client::connect(std::function<void(std::expected<void, Error>)> done) {
    const auto to = parse_worker_address(impl_->address).value_or(WorkerAddress{.path = impl_->address});
    auto connected = [impl = impl_,
                      done = std::move(done)](std::expected<std::shared_ptr<Connection>, std::string> made) {
        if (!made) return done(std::unexpected{Error{Failure::disconnected, made.error()}});
        impl->connection = std::move(*made);
        impl->open = true;
        impl->read_head(std::make_shared<Impl::Reading>(impl));
        impl->tick();
        proto::Request request;
        request.mutable_hello()->set_version(kVersion);
        request.mutable_hello()->set_program("carillond");
        impl->ask(std::move(request), [done, &codecs = impl->video_codecs](Answer answer) {
            if (!answer) return done(std::unexpected{answer.error()});
            codecs.assign(answer->video_codecs().begin(), answer->video_codecs().end());
            done({});
        });
    };
    api::connect(impl_->io, to, impl_->tls, std::move(connected));
}

void Client::on_event(std::function<void(Event)> handler) { impl_->events = std::move(handler); }
void Client::on_lost(std::function<void()> handler) { impl_->lost = std::move(handler); }
bool Client::connected() const { return impl_->open; }
const std::vector<std::string>& Client::video_codecs() const { return impl_->video_codecs; }
void Client::close() { impl_->lose(); }

void Client::open_stream(const std::string& session, const StreamSetup& setup, Callback<Ports> done) {
    proto::Request request;
    request.mutable_open_stream()->set_session(session);
    to_proto(setup, *request.mutable_open_stream()->mutable_setup());
    impl_->ask(std::move(request),
               answering(std::move(done), [](const proto::Reply& reply) { return from_proto(reply.ports()); }));
}

void Client::update_leg(const std::string& session, const std::string& stream, Leg leg, const LegSetup& setup,
                        Callback<bool> done) {
    proto::Request request;
    auto* update = request.mutable_update_leg();
    update->set_session(session);
    update->set_stream(stream);
    update->set_leg(static_cast<proto::Leg>(leg));
    to_proto(setup, *update->mutable_setup());
    impl_->ask(std::move(request), answering(std::move(done), [](const proto::Reply&) { return true; }));
}

void Client::set_program(const std::string& session, const std::string& stream, const Program& program,
                         Callback<bool> done) {
    proto::Request request;
    auto* set = request.mutable_set_program();
    set->set_session(session);
    set->set_stream(stream);
    to_proto(program, *set->mutable_program());
    impl_->ask(std::move(request), answering(std::move(done), [](const proto::Reply&) { return true; }));
}

void Client::put_sound(const std::string& name, std::uint64_t size, std::uint64_t offset, const std::string& octets,
                       Callback<std::uint64_t> done) {
    proto::Request request;
    auto* put = request.mutable_put_sound();
    put->set_name(name);
    put->set_size(size);
    put->set_offset(offset);
    put->set_octets(octets);
    impl_->ask(std::move(request),
               answering(std::move(done), [](const proto::Reply& reply) { return reply.sound_octets(); }));
}

namespace {
std::vector<StreamCounters> read_counters(const proto::Reply& reply) {
    std::vector<StreamCounters> counters;
    for (const auto& stream : reply.counters()) counters.push_back(from_proto(stream));
    return counters;
}
}  // namespace

void Client::close_stream(const std::string& session, const std::string& stream,
                          Callback<std::vector<StreamCounters>> done) {
    proto::Request request;
    request.mutable_close_stream()->set_session(session);
    request.mutable_close_stream()->set_stream(stream);
    impl_->ask(std::move(request), answering(std::move(done), read_counters));
}

void Client::count(const std::string& session, Callback<std::vector<StreamCounters>> done) {
    proto::Request request;
    request.mutable_count()->set_session(session);
    impl_->ask(std::move(request), answering(std::move(done), read_counters));
}

void Client::list_sessions(Callback<std::vector<SessionId>> done) {
    proto::Request request;
    request.mutable_list_sessions();
    impl_->ask(std::move(request), answering(std::move(done), [](const proto::Reply& reply) {
                   std::vector<SessionId> sessions;
                   for (const auto& session : reply.sessions()) {
                       sessions.push_back({session.session(), {session.streams().begin(), session.streams().end()}});
                   }
                   return sessions;
               }));
}

void Client::drain(bool on, Callback<bool> done) {
    proto::Request request;
    request.mutable_drain()->set_on(on);
    impl_->ask(std::move(request), answering(std::move(done), [](const proto::Reply&) { return true; }));
}

void Client::status(Callback<WorkerStatus> done) {
    proto::Request request;
    request.mutable_status();
    impl_->ask(std::move(request), answering(std::move(done), [](const proto::Reply& reply) {
                   const auto& status = reply.status();
                   WorkerStatus out{.program = status.program(),
                                    .sessions = status.sessions(),
                                    .streams = status.streams(),
                                    .ports_free = status.ports_free(),
                                    .packets = status.packets(),
                                    .uptime_s = status.uptime_s(),
                                    .binding_requests = status.binding_requests(),
                                    .cpu_s = status.cpu_s(),
                                    .media_busy = status.media_busy(),
                                    .media_jobs = status.media_jobs(),
                                    .media_late = status.media_late(),
                                    .video_jobs = status.video_jobs(),
                                    .video_busy = status.video_busy(),
                                    .draining = status.draining(),
                                    .drops = {},
                                    .kernel_drops = status.kernel_drops(),
                                    .threads = status.threads(),
                                    .cpu_load = status.cpu_load(),
                                    .packets_per_second = status.packets_per_second(),
                                    .kernel_flows = status.kernel_flows(),
                                    .ice_tcp_connections = status.ice_tcp_connections(),
                                    .turn_allocations = status.turn_allocations(),
                                    .turn_connections = status.turn_connections(),
                                    .turn_packets = status.turn_packets(),
                                    .turn_dropped = status.turn_dropped(),
                                    .turn_unauthorized = status.turn_unauthorized(),
                                    .latency = {status.latency().begin(), status.latency().end()},
                                    .latency_p50_us = status.latency_p50_us(),
                                    .latency_p99_us = status.latency_p99_us()};
                   for (const auto& [reason, count] : status.drops()) out.drops[reason] = count;
                   return out;
               }));
}

namespace {
TapStatus first_tap(const proto::Reply& reply) {
    return reply.taps().empty() ? TapStatus{} : from_proto(reply.taps(0));
}

proto::Request start_tap(const std::string& session, const std::string& tap) {
    proto::Request request;
    request.mutable_start_tap()->set_session(session);
    request.mutable_start_tap()->set_tap(tap);
    return request;
}
}  // namespace

void Client::start_capture(const std::string& session, const std::string& tap, const CaptureSetup& setup,
                           Callback<TapStatus> done) {
    auto request = start_tap(session, tap);
    to_proto(setup, *request.mutable_start_tap()->mutable_capture());
    impl_->ask(std::move(request), answering(std::move(done), first_tap));
}

void Client::start_recording(const std::string& session, const std::string& tap, const RecordingSetup& setup,
                             Callback<TapStatus> done) {
    auto request = start_tap(session, tap);
    to_proto(setup, *request.mutable_start_tap()->mutable_recording());
    impl_->ask(std::move(request), answering(std::move(done), first_tap));
}

void Client::stop_tap(const std::string& session, const std::string& tap, Callback<TapStatus> done) {
    proto::Request request;
    request.mutable_stop_tap()->set_session(session);
    request.mutable_stop_tap()->set_tap(tap);
    impl_->ask(std::move(request), answering(std::move(done), first_tap));
}

void Client::list_taps(const std::string& session, Callback<std::vector<TapStatus>> done) {
    proto::Request request;
    request.mutable_list_taps()->set_session(session);
    impl_->ask(std::move(request), answering(std::move(done), [](const proto::Reply& reply) {
                   std::vector<TapStatus> taps;
                   for (const auto& tap : reply.taps()) taps.push_back(from_proto(tap));
                   return taps;
               }));
}

}  // namespace carillon::relay::api
