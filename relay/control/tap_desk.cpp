#include "relay/control/tap_desk.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "config/base/log.h"
#include "relay/control/request_check.h"
#include "relay/tap/capture_sink.h"
#include "relay/tap/recording_sink.h"

namespace carillon::relay {

namespace proto = api::proto;

std::string id_of(const std::string& session, const std::string& tap) { return tap + '\n' + session; }

std::pair<std::string, std::string> names_of(const std::string& id) {
    const auto at = id.find('\n');
    return {id.substr(at + 1), id.substr(0, at)};
}

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCaptureRing = std::size_t{2} << 20;
constexpr std::size_t kRecordingRing = std::size_t{128} << 10;
constexpr std::size_t kVideoRing = std::size_t{1} << 20;
constexpr std::uint64_t kLeastFile = 4096;
constexpr std::size_t kMostFiles = 1000;
constexpr std::size_t kMostName = 256;
constexpr milliseconds kLongestAgo = std::chrono::hours{24 * 7};

/// How long ago it was begun by a worker that died; 0: it begins.
milliseconds resumed(const proto::StartTap& request) {
    return milliseconds{request.has_capture() ? request.capture().resumed_ms() : request.recording().resumed_ms()};
}

void put(const TapStatus& status, proto::TapStatus& out) {
    const auto [session, tap] = names_of(status.id);
    api::to_proto({.session = session,
                   .tap = tap,
                   .kind = status.kind,
                   .running = status.running,
                   .reason = status.reason,
                   .failed = status.failed,
                   .files = status.files,
                   .packets = status.packets,
                   .octets = status.octets,
                   .dropped = status.dropped,
                   .seconds = status.seconds},
                  out);
}

std::string fault_in(const proto::StartTap& request) {
    if (request.tap().empty() || request.tap().size() > kMostName || request.tap().contains('\n'))
        return "a tap has a name of 1 to 256 octets without line feeds";
    const auto& path = request.has_capture() ? request.capture().path() : request.recording().path();
    if (path.empty() || path.front() != '/') return "a path begins with /";
    if (resumed(request) < milliseconds{0} || resumed(request) > kLongestAgo) return "it began too long ago";
    if (!request.has_capture()) return {};
    const auto& capture = request.capture();
    if (capture.files() > kMostFiles) return "a ring has at most 1000 files";
    if (capture.file_octets() != 0 && capture.file_octets() < kLeastFile) return "a file has 4096 octets at least";
    if (capture.snap() != 0 && capture.snap() < 64) return "a snap length is 64 octets at least";
    return {};
}

CaptureOptions options_of(const proto::CaptureSetup& setup, const std::vector<std::string>& streams) {
    CaptureOptions out{.path = setup.path(), .snap = setup.snap(), .notes = {}, .streams = streams};
    if (setup.file_octets() != 0) out.file_octets = setup.file_octets();
    if (setup.files() > 1) out.files = setup.files();
    if (setup.longest_s() != 0) out.longest = std::chrono::seconds{setup.longest_s()};
    out.notes.assign(setup.notes().begin(), setup.notes().end());
    out.resumed = milliseconds{setup.resumed_ms()};
    return out;
}

record::RecorderOptions options_of(const proto::RecordingSetup& setup) {
    record::RecorderOptions out{.path = setup.path(), .legs = setup.legs(), .mixed = setup.mixed()};
    if (setup.file_octets() != 0) out.file_octets = setup.file_octets();
    out.resumed = milliseconds{setup.resumed_ms()};
    for (const auto& note : setup.notes()) {
        const auto equals = note.find('=');
        if (equals != std::string::npos) out.comments.emplace_back(note.substr(0, equals), note.substr(equals + 1));
    }
    for (const auto& [type, name] : setup.from_a()) out.names[0][static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.from_b()) out.names[1][static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.video_from_a()) out.video[0][static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.video_from_b()) out.video[1][static_cast<std::uint8_t>(type)] = name;
    return out;
}

void ask_key_frame(Shard& shard, const std::string& key, std::size_t leg, std::uint32_t ssrc) {
    shard.with(
        key,
        [leg, ssrc](Stream* stream) {
            if (stream) stream->ask_key_frame(leg, ssrc, std::chrono::steady_clock::now());
        },
        [] {});
}

}  // namespace

TapDesk::TapDesk(boost::asio::io_context& io, Tell tell)
    : io_{io},
      tell_{std::move(tell)},
      thread_{[this](TapStatus status) { on_control([this, status = std::move(status)] { ended(status); }); }} {}

void TapDesk::on_control(std::function<void()> work) {
    boost::asio::post(io_, [alive = std::weak_ptr{alive_}, work = std::move(work)] {
        if (alive.lock()) work();
    });
}

void TapDesk::start(const proto::StartTap& request, const Session& session, const Respond& respond) {
    if (auto fault = fault_in(request); !fault.empty())
        return respond(refuse(proto::REFUSAL_BAD_REQUEST, std::move(fault)));
    if (find(request.session(), request.tap()) || announced_.contains(id_of(request.session(), request.tap())))
        return respond(refuse(proto::REFUSAL_CONFLICT, "such a tap is running"));
    const auto known = sessions_.find(request.session());
    if (count_ + announced_.size() >= kMost || (known != sessions_.end() && known->second.size() >= kMostOfSession))
        return respond(refuse(proto::REFUSAL_LIMIT, "as many taps are running as may be"));
    if (request.has_recording()) return start_recording(request, session, respond);
    if (!request.has_capture()) return respond(refuse(proto::REFUSAL_BAD_REQUEST, "not a tap of this version"));
    const auto& capture = request.capture();
    if (capture.opened() && session.forwards_ice)
        return respond(refuse(proto::REFUSAL_CONFLICT,
                              "the media is encrypted from end to end: only bridged calls can be opened"));
    auto sink = CaptureSink::create(options_of(capture, session.streams));
    if (!sink) return respond(refuse(proto::REFUSAL_CONFLICT, sink.error()));
    TapView view{.opened = capture.opened()};
    if (capture.snap() != 0) view.keep = capture.snap();
    begin(request, session, view, kCaptureRing, std::move(*sink), respond);
}

void TapDesk::start_recording(const proto::StartTap& request, Session session, const Respond& respond) {
    if (!session.bridged)
        return respond(refuse(proto::REFUSAL_CONFLICT,
                              "the media is encrypted from end to end: only bridged calls can be recorded"));
    const auto& setup = request.recording();
    const auto key_of = [&](const std::string& stream) {
        const auto at = std::ranges::find(session.streams, stream);
        return at == session.streams.end() ? std::string{}
                                           : session.keys[static_cast<std::size_t>(at - session.streams.begin())];
    };
    const auto sound = key_of(setup.stream());
    const auto pictures = setup.video_stream().empty() ? sound : key_of(setup.video_stream());
    if (sound.empty() || pictures.empty()) return respond(refuse(proto::REFUSAL_NOT_FOUND, "no such stream"));
    session.keys = {sound};
    if (pictures != sound) session.keys.push_back(pictures);
    // Who was told once need not be told again.
    if (setup.has_announcement() && setup.resumed_ms() == 0) return announce(request, session, sound, respond);
    if (auto done = record(request, std::move(session), respond); !done)
        respond(refuse(proto::REFUSAL_CONFLICT, done.error()));
}

/// `session` has the streams alone that are recorded: sound, and pictures where they have one of their own.
std::expected<void, std::string> TapDesk::record(const proto::StartTap& request, Session session,
                                                 const Respond& respond) {
    auto options = options_of(request.recording());
    const bool video = !options.video[0].empty() || !options.video[1].empty();
    options.want_key_frame = [this, shard = session.shard, pictures = session.keys.back()](std::size_t leg,
                                                                                           std::uint32_t ssrc) {
        on_control([shard, pictures, leg, ssrc] { ask_key_frame(*shard, pictures, leg, ssrc); });
    };
    auto sink = RecordingSink::create(options);
    if (!sink) return std::unexpected{sink.error()};
    begin(request, session, {.opened = true, .outgoing = false, .rtp_only = true}, video ? kVideoRing : kRecordingRing,
          std::move(*sink), respond);
    return {};
}

void TapDesk::begin(const proto::StartTap& request, const Session& session, TapView view, std::size_t ring,
                    std::unique_ptr<TapSink> sink, const Respond& respond) {
    auto tap = std::make_shared<Tap>(id_of(request.session(), request.tap()), view, ring);
    TapStatus status;
    status.id = tap->id;
    sink->describe(status);
    thread_.add(tap, std::move(sink), std::chrono::steady_clock::now() - resumed(request));
    sessions_[request.session()][request.tap()] = {tap, session.shard, session.keys.size(), request.has_capture()};
    ++count_;
    log::info(resumed(request).count() > 0 ? "tap goes on" : "tap begins",
              {{"session", request.session()}, {"tap", request.tap()}, {"kind", status.kind}});
    session.shard->tap(session.keys, tap, 0, [this, status = std::move(status), respond] {
        on_control([status, respond] {
            proto::Reply reply;
            put(status, *reply.add_taps());
            respond(std::move(reply));
        });
    });
}

void TapDesk::stop(const proto::StopTap& request, Respond respond) {
    if (stop_announcing(id_of(request.session(), request.tap()), respond)) return;
    const auto* running = find(request.session(), request.tap());
    if (!running) return respond(refuse(proto::REFUSAL_NOT_FOUND, "no such tap"));
    const auto tap = running->tap;
    auto* shard = running->shard;
    forget(request.session(), request.tap());
    auto answer = [this, respond = std::move(respond)](TapStatus status) {
        on_control([respond, status = std::move(status)] {
            proto::Reply reply;
            put(status, *reply.add_taps());
            respond(std::move(reply));
        });
    };
    shard->untap(tap, [this, tap, answer = std::move(answer)] { thread_.end(tap, "stopped", answer); });
}

void TapDesk::list(const std::string& session, Respond respond) {
    std::vector<std::shared_ptr<Tap>> wanted;
    for (const auto& [name, taps] : sessions_) {
        if (!session.empty() && session != name) continue;
        for (const auto& [tap, running] : taps) wanted.push_back(running.tap);
    }
    auto reply = std::make_shared<proto::Reply>();
    list_announced(session, *reply);
    if (wanted.empty()) return respond(std::move(*reply));
    auto left = std::make_shared<std::size_t>(wanted.size());
    for (const auto& tap : wanted)
        thread_.status(tap, [this, reply, left, respond](TapStatus status) {
            on_control([reply, left, respond, status = std::move(status)] {
                if (!status.kind.empty()) put(status, *reply->add_taps());  // it has ended meanwhile
                if (--*left == 0) respond(std::move(*reply));
            });
        });
}

void TapDesk::stream_opened(const std::string& session, Stream& stream) {
    const auto known = sessions_.find(session);
    if (known == sessions_.end()) return;
    for (auto& [name, running] : known->second)
        if (running.all_streams && running.streams < 256)
            stream.attach(running.tap, static_cast<std::uint8_t>(running.streams++));
}

void TapDesk::session_over(const std::string& session) {
    announced_session_over(session);
    const auto known = sessions_.find(session);
    if (known == sessions_.end()) return;
    for (const auto& [name, running] : known->second)
        thread_.end(running.tap, "call ended",
                    [this](TapStatus status) { on_control([this, status = std::move(status)] { told(status); }); });
    count_ -= known->second.size();
    sessions_.erase(known);
}

/// By itself: its size, its time, or a disk that is full. The shard is told to feed it no more.
void TapDesk::ended(const TapStatus& status) {
    const auto [session, tap] = names_of(status.id);
    if (const auto* running = find(session, tap)) {
        running->shard->untap(running->tap, [] {});
        forget(session, tap);
    }
    told(status);
}

void TapDesk::told(const TapStatus& status) {
    if (status.kind.empty()) return;  // was told before
    const auto [session, tap] = names_of(status.id);
    log::write(status.failed ? log::Level::error : log::Level::info, "tap ended",
               {{"session", session}, {"tap", tap}, {"kind", status.kind}, {"reason", status.reason}});
    proto::Event event;
    event.set_kind(proto::Event::KIND_TAP);
    event.set_session(session);
    put(status, *event.mutable_tap());
    tell_(event);
}

TapDesk::Running* TapDesk::find(const std::string& session, const std::string& tap) {
    const auto known = sessions_.find(session);
    if (known == sessions_.end()) return nullptr;
    const auto running = known->second.find(tap);
    return running == known->second.end() ? nullptr : &running->second;
}

void TapDesk::forget(const std::string& session, const std::string& tap) {
    const auto known = sessions_.find(session);
    if (known == sessions_.end()) return;
    count_ -= known->second.erase(tap);
    if (known->second.empty()) sessions_.erase(known);
}

}  // namespace carillon::relay
