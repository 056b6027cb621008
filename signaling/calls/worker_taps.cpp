/// Captures and recordings at the workers.
#include <utility>

#include "signaling/calls/worker_relay.h"

namespace carillon::calls {

namespace api = relay::api;

namespace {

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
    auto* client = client_of(call);
    if (!client) return later([done = std::move(done)] { done(std::unexpected{std::string{kNoWorker}}); });
    if (sessions_.at(call).worker->remote)
        return later([done = std::move(done)] { done(std::unexpected{std::string{kElsewhere}}); });
    client->start_capture(sessions_.at(call).name, tap, setup, tap_answer(std::move(done)));
}

void WorkerRelay::record(const std::string& call, const std::string& tap, const api::RecordingSetup& setup,
                         TapDone done) {
    auto* client = client_of(call);
    if (!client) return later([done = std::move(done)] { done(std::unexpected{std::string{kNoWorker}}); });
    if (sessions_.at(call).worker->remote)
        return later([done = std::move(done)] { done(std::unexpected{std::string{kElsewhere}}); });
    client->start_recording(sessions_.at(call).name, tap, setup, tap_answer(std::move(done)));
}

void WorkerRelay::stop_tap(const std::string& call, const std::string& tap, TapDone done) {
    auto* client = client_of(call);
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
