#include "relay/tap/tap_thread.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace carillon::relay {

TapThread::TapThread(Ended ended) : ended_{std::move(ended)}, thread_{[this] { run(); }} {}

TapThread::~TapThread() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void TapThread::post(std::function<void()> command) {
    {
        const std::lock_guard lock{mutex_};
        commands_.push_back(std::move(command));
    }
    wake_.notify_one();
}

void TapThread::add(std::shared_ptr<Tap> tap, std::unique_ptr<TapSink> sink, SteadyTime started) {
    // std::function wants copies; the command runs once.
    auto shared = std::make_shared<std::unique_ptr<TapSink>>(std::move(sink));
    post([this, tap = std::move(tap), shared, started] { entries_.push_back({tap, std::move(*shared), started}); });
}

void TapThread::end(std::shared_ptr<Tap> tap, std::string reason, std::function<void(TapStatus)> done) {
    post([this, tap = std::move(tap), reason = std::move(reason), done = std::move(done)] {
        const auto at = std::ranges::find(entries_, tap, &Entry::tap);
        if (at == entries_.end()) {  // it has ended by itself, which was told
            TapStatus status;
            status.id = tap->id;
            status.running = false;
            return done(std::move(status));
        }
        drain(*at);
        auto status = status_of(*at);
        finish(*at, status, reason);
        entries_.erase(at);
        done(std::move(status));
    });
}

void TapThread::status(std::shared_ptr<Tap> tap, std::function<void(TapStatus)> done) {
    post([this, tap = std::move(tap), done = std::move(done)] {
        const auto at = std::ranges::find(entries_, tap, &Entry::tap);
        TapStatus status;
        if (at != entries_.end()) status = status_of(*at);
        status.id = tap->id;
        done(std::move(status));
    });
}

void TapThread::run() {
    ::pthread_setname_np(::pthread_self(), "relay-tap");
    for (;;) {
        std::vector<std::function<void()>> work;
        {
            std::unique_lock lock{mutex_};
            const auto woken = [this] { return stopping_ || !commands_.empty(); };
            if (entries_.empty()) {
                wake_.wait(lock, woken);
            } else {
                wake_.wait_for(lock, kPause, woken);
            }
            if (stopping_) break;
            work.swap(commands_);
        }
        for (const auto& command : work) command();
        round();
    }
    for (auto& entry : entries_) {  // the worker ends: what has come is in the files
        drain(entry);
        entry.sink->finish(entry.tap->ring.dropped());
    }
}

void TapThread::round() {
    const auto now = std::chrono::steady_clock::now();
    std::vector<TapStatus> over;
    std::erase_if(entries_, [&](Entry& entry) {
        drain(entry);
        entry.sink->tick(now);
        if (entry.sink->ended().empty()) return false;
        auto status = status_of(entry);
        finish(entry, status, entry.sink->ended());
        over.push_back(std::move(status));
        return true;
    });
    for (auto& status : over) ended_(std::move(status));
}

void TapThread::drain(Entry& entry) const {
    while (entry.sink->ended().empty()) {
        const auto view = entry.tap->ring.front();
        if (!view) return;
        entry.sink->take(view->header, view->data);
        entry.tap->ring.pop();
    }
    entry.tap->ended = true;
}

void TapThread::finish(Entry& entry, TapStatus& status, const std::string& reason) {
    entry.tap->ended = true;
    const auto why = entry.sink->ended().empty() ? reason : entry.sink->ended();
    entry.sink->finish(entry.tap->ring.dropped());
    entry.sink->describe(status);
    status.running = false;
    status.reason = why;
    status.failed = entry.sink->failed();
}

TapStatus TapThread::status_of(const Entry& entry) {
    TapStatus status;
    status.id = entry.tap->id;
    status.dropped = entry.tap->ring.dropped();
    status.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - entry.started).count();
    entry.sink->describe(status);
    return status;
}

}  // namespace carillon::relay
