#include "signaling/calls/desk.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>

#include "signaling/calls/jingle_nodes.h"

namespace carillon::calls {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr const char* kOperator = "operator";

/// Answers of a burst of opens; outlives the waiting when some come late.
struct Burst {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t left = 0;
    std::vector<Channel> opened;
};

}  // namespace

template <class F>
void CallDesk::on_each_shard(F work) {
    for (std::size_t i = 0; i < environment_.shards.size(); ++i) {
        auto done = std::make_shared<std::promise<void>>();
        environment_.shards[i]->post([this, i, &work, done] {
            work(*switchboard_.slot(i));
            done->set_value();
        });
        done->get_future().wait();
    }
}

std::vector<CallInfo> CallDesk::running() {
    std::vector<CallInfo> all;
    on_each_shard([&](ShardCalls& shard) {
        for (auto& call : shard.controller.list()) all.push_back(std::move(call));
    });
    std::ranges::sort(all, {}, [](const CallInfo& call) { return call.record.started; });
    return all;
}

std::optional<CallInfo> CallDesk::find(std::string_view id) {
    auto all = running();
    const auto at = std::ranges::find_if(all, [&](const CallInfo& call) { return call.record.id == id; });
    if (at == all.end()) return std::nullopt;
    return std::move(*at);
}

bool CallDesk::hang_up(std::string_view id, std::string_view text) {
    bool found = false;
    on_each_shard([&](ShardCalls& shard) {
        found = found || shard.controller.hang_up(id, {.condition = "gone", .text = std::string{text}});
    });
    return found;
}

template <class T, class Ask>
std::optional<T> CallDesk::ask_call(Ask ask, T too_late) {
    auto answer = std::make_shared<std::promise<T>>();  // outlives the waiting when the answer comes late
    auto coming = answer->get_future();
    bool found = false;
    on_each_shard([&](ShardCalls& shard) {
        if (!found) found = ask(shard.controller, [answer](T value) { answer->set_value(std::move(value)); });
    });
    if (!found) return std::nullopt;
    return coming.wait_for(kPatience) == std::future_status::ready ? coming.get() : std::move(too_late);
}

namespace {
TapAnswer too_late() { return std::unexpected{std::string{"The relay worker does not answer; try again."}}; }
}  // namespace

std::optional<TapAnswer> CallDesk::capture(std::string_view id, const CaptureWish& wish) {
    return ask_call<TapAnswer>([&](Controller& controller, TapDone done) { return controller.capture(id, wish, done); },
                               too_late());
}

std::optional<TapAnswer> CallDesk::record(std::string_view id, std::string_view who) {
    return ask_call<TapAnswer>([&](Controller& controller, TapDone done) { return controller.record(id, who, done); },
                               too_late());
}

std::optional<TapAnswer> CallDesk::stop_recording(std::string_view id, std::string_view who) {
    return ask_call<TapAnswer>(
        [&](Controller& controller, TapDone done) { return controller.stop_recording(id, who, done); }, too_late());
}

std::optional<TapAnswer> CallDesk::stop_capture(std::string_view id, std::string_view tap, std::string_view who) {
    return ask_call<TapAnswer>(
        [&](Controller& controller, TapDone done) { return controller.stop_tap(id, tap, who, done); }, too_late());
}

std::vector<TapStatus> CallDesk::taps(std::string_view id) {
    using Taps = std::vector<TapStatus>;
    auto all = ask_call<Taps>(
        [&](Controller& controller, std::function<void(Taps)> done) { return controller.list_taps(id, done); }, Taps{});
    return all ? std::move(*all) : Taps{};
}

void CallDesk::end_all() {
    on_each_shard([](ShardCalls& shard) { shard.controller.shut_down(); });
}

std::vector<Channel> CallDesk::open_channels(std::size_t count, std::chrono::seconds expire) {
    auto burst = std::make_shared<Burst>();
    burst->left = count;
    const auto shards = environment_.shards.size();
    for (std::size_t i = 0; i < shards; ++i) {
        const auto share = count / shards + (i < count % shards ? 1 : 0);
        if (share == 0) continue;
        environment_.shards[i]->post([this, i, share, expire, burst] {
            const auto slot = switchboard_.slot(i);
            const auto answered = [burst](std::expected<Channel, ChannelError> channel) {
                const std::scoped_lock lock{burst->mutex};
                if (channel) burst->opened.push_back(std::move(*channel));
                if (--burst->left == 0) burst->changed.notify_all();
            };
            for (std::size_t k = 0; k < share; ++k) {
                if (slot->nodes.empty()) {
                    answered(std::unexpected{ChannelError::no_relay});
                    continue;
                }
                auto& nodes = *slot->nodes.begin()->second;
                nodes.channels().open(kOperator, false, expire, answered);
                nodes.keep_watch();
            }
        });
    }
    std::unique_lock lock{burst->mutex};
    burst->changed.wait_for(lock, kPatience, [&] { return burst->left == 0; });
    return burst->opened;
}

std::size_t CallDesk::close_channels(const std::vector<std::string>& ids) {
    std::size_t closed = 0;
    on_each_shard([&](ShardCalls& shard) {
        for (const auto& [host, nodes] : shard.nodes)
            for (const auto& id : ids) closed += nodes->channels().close(id) ? 1 : 0;
    });
    return closed;
}

std::vector<Channel> CallDesk::channels() {
    std::vector<Channel> all;
    on_each_shard([&](ShardCalls& shard) {
        for (const auto& [host, nodes] : shard.nodes)
            for (auto& channel : nodes->channels().list()) all.push_back(std::move(channel));
    });
    return all;
}

}  // namespace carillon::calls
