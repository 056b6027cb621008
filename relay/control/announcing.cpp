/// Recordings of calls that are told of it first: both ends hear a sound, then the recording begins.
#include <algorithm>
#include <utility>

#include "config/base/log.h"
#include "relay/control/request_check.h"
#include "relay/control/tap_desk.h"

namespace carillon::relay {

namespace proto = api::proto;

namespace {

constexpr std::string_view kAnnouncing = "announcing";
constexpr std::string_view kNotBegun = "stopped before it began";

void put_waiting(const std::string& id, SteadyTime begun, proto::TapStatus& out) {
    const auto [session, tap] = names_of(id);
    out.set_session(session);
    out.set_tap(tap);
    out.set_kind("recording");
    out.set_running(true);
    out.set_reason(std::string{kAnnouncing});
    out.set_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

void put_ended(const std::string& id, std::string reason, bool failed, proto::TapStatus& out) {
    put_waiting(id, std::chrono::steady_clock::now(), out);
    out.set_running(false);
    out.set_failed(failed);
    out.set_reason(std::move(reason));
}

std::array<record::PayloadNames, 2> names_to(const proto::RecordingSetup& setup) {
    std::array<record::PayloadNames, 2> out;
    for (const auto& [type, name] : setup.to_a()) out[0][static_cast<std::uint8_t>(type)] = name;
    for (const auto& [type, name] : setup.to_b()) out[1][static_cast<std::uint8_t>(type)] = name;
    return out;
}

}  // namespace

/// Answered when the next packets bring it. What comes of it is told as an event, when it is not that it runs.
void TapDesk::announce(const proto::StartTap& request, const Session& session, const std::string& key,
                       const Respond& respond) {
    const auto& setup = request.recording();
    const auto to = names_to(setup);
    std::vector<std::string> names;
    for (const auto& each : to)
        for (const auto& [type, name] : each) names.push_back(name);
    const auto clip = api::from_proto(setup.announcement());
    auto sound = AnnouncementSound::create(library_, clip, names);
    if (!sound) return respond(refuse(proto::REFUSAL_CONFLICT, "the announcement cannot be played: " + sound.error()));
    const auto id = id_of(request.session(), request.tap());
    const auto now = std::chrono::steady_clock::now();
    auto done = [this, id](std::string fault) {
        on_control([this, id, fault = std::move(fault)] { announced(id, fault); });
    };
    // std::function wants copies; the command runs once.
    auto made = std::make_shared<std::unique_ptr<Announcement>>(
        std::make_unique<Announcement>(std::move(*sound), to, now, std::move(done)));
    announced_[id] = {request, session, key, now};
    log::info("recording announced", {{"session", request.session()}, {"tap", request.tap()}});
    session.shard->with(
        key,
        [made](Stream* stream) {
            if (stream) stream->announce(std::move(*made));
            made->reset();
        },
        [this, id, now, respond] {
            on_control([id, now, respond] {
                proto::Reply reply;
                put_waiting(id, now, *reply.add_taps());
                respond(std::move(reply));
            });
        });
}

void TapDesk::announced(const std::string& id, const std::string& fault) {
    const auto at = announced_.find(id);
    if (at == announced_.end()) return;  // stopped, or its call is over
    const auto waiting = std::move(at->second);
    announced_.erase(at);
    // What is told as an event while it runs: that it runs now, and no longer waits.
    const auto begun = [this, session = waiting.request.session()](const proto::Reply& reply) {
        if (reply.taps().empty()) return;
        proto::Event event;
        event.set_kind(proto::Event::KIND_TAP);
        event.set_session(session);
        *event.mutable_tap() = reply.taps(0);
        tell_(event);
    };
    auto failure = fault.empty() ? record(waiting.request, waiting.session, begun)
                                 : std::expected<void, std::string>{std::unexpected{fault}};
    if (failure) return;
    log::error("a recording that was announced does not begin",
               {{"session", waiting.request.session()}, {"tap", waiting.request.tap()}, {"reason", failure.error()}});
    proto::Event event;
    event.set_kind(proto::Event::KIND_TAP);
    event.set_session(waiting.request.session());
    put_ended(id, failure.error(), true, *event.mutable_tap());
    tell_(event);
}

/// Whether it was only announced so far.
bool TapDesk::stop_announcing(const std::string& id, const Respond& respond) {
    const auto at = announced_.find(id);
    if (at == announced_.end()) return false;
    at->second.session.shard->with(
        at->second.key,
        [](Stream* stream) {
            if (stream) stream->announce(nullptr);
        },
        [] {});
    announced_.erase(at);
    proto::Reply reply;
    put_ended(id, std::string{kNotBegun}, false, *reply.add_taps());
    respond(std::move(reply));
    return true;
}

void TapDesk::list_announced(const std::string& session, proto::Reply& reply) const {
    for (const auto& [id, waiting] : announced_)
        if (session.empty() || session == waiting.request.session()) put_waiting(id, waiting.begun, *reply.add_taps());
}

void TapDesk::announced_session_over(const std::string& session) {
    for (auto at = announced_.begin(); at != announced_.end();) {
        if (at->second.request.session() != session) {
            ++at;
            continue;
        }
        proto::Event event;
        event.set_kind(proto::Event::KIND_TAP);
        event.set_session(session);
        put_ended(at->first, "call ended", false, *event.mutable_tap());
        at = announced_.erase(at);
        tell_(event);
    }
}

}  // namespace carillon::relay
