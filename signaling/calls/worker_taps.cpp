/// Captures and recordings at the workers.
#include <algorithm>
#include <charconv>
#include <utility>

#include "config/base/log.h"
#include "relay/api/convert.h"
#include "signaling/auth/base64.h"
#include "signaling/calls/worker_relay.h"

namespace carillon::calls {

namespace api = relay::api;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kRunning = "such a tap is running";  // as a worker refuses a second one
constexpr const char* kNoWorker = "No relay carries this call.";
constexpr std::string_view kElsewhere =
    "the call is carried by a worker of another machine, whose files would be there";

}  // namespace

/// Null: its streams are nowhere, or their worker is gone.
api::Client* WorkerRelay::client_of(const std::string& call) const {
    const auto at = sessions_.find(call);
    return at == sessions_.end() || !at->second.worker->ready ? nullptr : at->second.worker->client.get();
}

api::Callback<TapStatus> WorkerRelay::tap_answer(TapDone done) const {
    return [alive = std::weak_ptr{self_}, done = std::move(done)](std::expected<TapStatus, api::Error> answer) {
        if (alive.expired()) return;
        if (!answer) return done(std::unexpected{answer.error().reason});
        done(std::move(*answer));
    };
}

void WorkerRelay::capture(const std::string& call, const std::string& tap, const api::CaptureSetup& setup,
                          TapDone done) {
    start_tap(call, tap, {setup, std::nullopt}, std::move(done));
}

void WorkerRelay::record(const std::string& call, const std::string& tap, const api::RecordingSetup& setup,
                         TapDone done) {
    start_tap(call, tap, {setup, std::nullopt}, std::move(done));
}

/// `again`: its worker died with the question.
void WorkerRelay::start_tap(const std::string& call, const std::string& tap, RunningTap wanted, TapDone done,
                            bool again) {
    const auto* client = client_of(call);
    if (!client) return later([done = std::move(done)] { done(std::unexpected{std::string{kNoWorker}}); });
    const auto& session = sessions_.at(call);
    if (session.worker->remote)
        return later([done = std::move(done)] { done(std::unexpected{std::string{kElsewhere}}); });
    auto answered = [this, alive = std::weak_ptr{self_}, call, tap, wanted, done = std::move(done),
                     again](const std::expected<TapStatus, api::Error>& answer) {
        if (alive.expired()) return;
        const bool died = !answer && answer.error().failure == api::Failure::disconnected;
        const auto at = sessions_.find(call);
        if (died && !again && at != sessions_.end()) {
            return with(*at->second.worker, [this, call, tap, wanted, done](bool up) {
                if (!up) return done(std::unexpected{std::string{kNoWorker}});
                start_tap(call, tap, wanted, done, true);
            });
        }
        if (!answer) return done(std::unexpected{answer.error().reason});
        tap_runs(call, tap, wanted, *answer);
        done(*answer);
    };
    if (const auto* capture = std::get_if<api::CaptureSetup>(&wanted.setup)) {
        session.worker->client->start_capture(session.name, tap, *capture, std::move(answered));
    } else {
        session.worker->client->start_recording(session.name, tap, std::get<api::RecordingSetup>(wanted.setup),
                                                std::move(answered));
    }
}

/// It runs, or is announced: then an event tells when it runs.
void WorkerRelay::tap_runs(const std::string& call, const std::string& tap, RunningTap wanted,
                           const TapStatus& status) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return;
    if (status.reason.empty()) {
        const auto runs = std::chrono::duration<double>(status.seconds);
        wanted.began =
            std::chrono::steady_clock::now() - std::chrono::duration_cast<std::chrono::steady_clock::duration>(runs);
    }
    at->second.taps[tap] = std::move(wanted);
}

WorkerRelay::RunningTap* WorkerRelay::find_tap(const std::string& call, const std::string& tap) {
    const auto at = sessions_.find(call);
    if (at == sessions_.end()) return nullptr;
    const auto found = at->second.taps.find(tap);
    return found == at->second.taps.end() ? nullptr : &found->second;
}

/// Its streams go on at the successor, and so does what was made of them: only what passed in between is missing.
void WorkerRelay::resume_taps(const Worker& worker) {
    std::vector<std::pair<std::string, std::string>> there;
    for (const auto& [call, session] : sessions_)
        if (session.worker == &worker)
            for (const auto& [tap, running] : session.taps) there.emplace_back(call, tap);
    for (const auto& [call, tap] : there) resume_tap(call, tap);
}

void WorkerRelay::resume_tap(const std::string& call, const std::string& tap) {
    auto* running = find_tap(call, tap);
    if (!running) return;
    const auto ago =
        running->began
            ? std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - *running->began)
            : std::chrono::milliseconds{0};
    auto setup = running->setup;
    std::visit([ago](auto& each) { each.resumed = ago; }, setup);
    auto& session = sessions_.at(call);
    auto answered = [this, alive = std::weak_ptr{self_}, call,
                     tap](const std::expected<TapStatus, api::Error>& answer) {
        if (alive.expired()) return;
        if (answer) return log::info("a recording or capture goes on", {{"call", call}, {"tap", tap}});
        // It was the connection alone that broke, or another death, after which it is tried again.
        if (answer.error().failure == api::Failure::conflict && answer.error().reason == kRunning) return;
        if (answer.error().failure == api::Failure::disconnected) return;
        if (const auto at = sessions_.find(call); at != sessions_.end()) at->second.taps.erase(tap);
        if (tap_ended_)
            tap_ended_(call, {.tap = tap,
                              .kind = "tap",
                              .reason = "it cannot go on after its worker died: " + answer.error().reason,
                              .failed = true,
                              .files = {}});
    };
    if (const auto* capture = std::get_if<api::CaptureSetup>(&setup)) {
        session.worker->client->start_capture(session.name, tap, *capture, std::move(answered));
    } else {
        session.worker->client->start_recording(session.name, tap, std::get<api::RecordingSetup>(setup),
                                                std::move(answered));
    }
}

/// When it began (milliseconds since 1970, 0: not yet), and how it was asked for.
std::vector<std::string> WorkerRelay::to_texts(const std::map<std::string, RunningTap>& taps) {
    std::vector<std::string> out;
    for (const auto& [name, running] : taps) {
        api::proto::StartTap asked;
        asked.set_tap(name);
        if (const auto* capture = std::get_if<api::CaptureSetup>(&running.setup)) {
            api::to_proto(*capture, *asked.mutable_capture());
        } else {
            api::to_proto(std::get<api::RecordingSetup>(running.setup), *asked.mutable_recording());
        }
        milliseconds began{0};
        if (running.began) {
            const auto ago = std::chrono::steady_clock::now() - *running.began;
            const auto then = std::chrono::system_clock::now() - ago;
            began = std::chrono::round<std::chrono::seconds>(then.time_since_epoch());  // the same at each look
        }
        out.push_back(std::to_string(began.count()) + ' ' + auth::base64_encode(asked.SerializeAsString()));
    }
    return out;
}

std::map<std::string, WorkerRelay::RunningTap> WorkerRelay::from_texts(const std::vector<std::string>& texts) {
    std::map<std::string, RunningTap> out;
    for (const auto& text : texts) {
        std::int64_t began = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), began);
        const auto rest = std::string_view{text}.substr(static_cast<std::size_t>(end - text.data()));
        const auto octets = rest.starts_with(' ') ? auth::base64_decode(rest.substr(1)) : std::nullopt;
        api::proto::StartTap asked;
        if (error != std::errc{} || !octets || !asked.ParseFromString(*octets) || asked.tap().empty()) continue;
        RunningTap running{api::from_proto(asked.recording()), std::nullopt};
        if (asked.has_capture()) running.setup = api::from_proto(asked.capture());
        if (began > 0) {
            const auto ago = std::chrono::system_clock::now().time_since_epoch() - milliseconds{began};
            running.began = std::chrono::steady_clock::now() - std::max<std::chrono::nanoseconds>(ago, {});
        }
        out[asked.tap()] = std::move(running);
    }
    return out;
}

/// It may come after its call is over.
void WorkerRelay::tap_event(const api::Event& happened) {
    const auto adopted = adopted_names_.find(happened.session);
    if (adopted == adopted_names_.end() && !happened.session.starts_with(prefix_)) return;  // another shard's
    const auto call = adopted != adopted_names_.end() ? adopted->second : happened.session.substr(prefix_.size());
    if (happened.tap.running) {
        if (auto* running = find_tap(call, happened.tap.tap)) running->began = std::chrono::steady_clock::now();
        return;
    }
    if (const auto at = sessions_.find(call); at != sessions_.end()) at->second.taps.erase(happened.tap.tap);
    if (tap_ended_) tap_ended_(call, happened.tap);
}

void WorkerRelay::stop_tap(const std::string& call, const std::string& tap, TapDone done) {
    auto* client = client_of(call);
    if (const auto at = sessions_.find(call); at != sessions_.end()) at->second.taps.erase(tap);
    if (!client) return later([done = std::move(done)] { done(std::unexpected{std::string{kNoWorker}}); });
    client->stop_tap(sessions_.at(call).name, tap, tap_answer(std::move(done)));
}

void WorkerRelay::list_taps(const std::string& call, std::function<void(std::vector<TapStatus>)> done) {
    auto* client = client_of(call);
    if (!client) return later([done = std::move(done)] { done({}); });
    client->list_taps(sessions_.at(call).name, [alive = std::weak_ptr{self_}, done = std::move(done)](auto answer) {
        if (!alive.expired()) done(answer ? std::move(*answer) : std::vector<TapStatus>{});
    });
}

}  // namespace carillon::calls
