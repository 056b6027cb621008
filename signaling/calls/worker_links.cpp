/// A shard's connections to the relay workers: lost and found again, what they carry, what nobody knows any more.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>

#include "config/base/log.h"
#include "signaling/calls/worker_relay.h"

namespace carillon::calls {
namespace {

namespace api = relay::api;

constexpr std::chrono::milliseconds kFirstPause{25};
constexpr std::chrono::milliseconds kLongestPause{5000};
constexpr std::chrono::milliseconds kLook{1000};  ///< between questions about a worker's load
constexpr std::uint64_t kOrphanSilenceMs = 15'000;
constexpr std::size_t kMaxWaiting = 10'000;

}  // namespace

void WorkerRelay::connect(Worker& worker) {
    const auto alive = std::weak_ptr{self_};
    worker.client = std::make_shared<api::Client>(io_, worker.socket, shared_->tls);
    worker.client->on_event([this, alive](const api::Event& happened) {
        if (!alive.expired()) event(happened);
    });
    worker.client->on_lost([this, alive, &worker] {
        if (!alive.expired()) lost(worker);
    });
    worker.client->connect([this, alive, &worker](std::expected<void, api::Error> connected) {
        if (alive.expired()) return;
        if (!connected) {
            log::debug("no relay worker", {{"socket", worker.socket}, {"error", connected.error().reason}});
            return reconnect_later(worker);
        }
        log::info("relay worker connected", {{"socket", worker.socket}, {"shard", shard_}});
        worker.pause = {};
        compare(worker);
    });
}

void WorkerRelay::reconnect_later(Worker& worker) {
    worker.retry->expires_after(worker.pause);
    worker.pause = worker.pause.count() == 0 ? kFirstPause : std::min(worker.pause * 2, kLongestPause);
    worker.retry->async_wait([this, alive = std::weak_ptr{self_}, &worker](auto error) {
        if (!error && !alive.expired()) connect(worker);
    });
}

void WorkerRelay::lost(Worker& worker) {
    if (std::exchange(worker.ready, false)) {
        log::warning("relay worker lost", {{"socket", worker.socket}, {"shard", shard_}});
        begin_grace(worker);
    }
    worker.meter.forget();
    worker.sounds->clear();
    worker.look->cancel();
    reconnect_later(worker);
}

/// It comes back with its streams, or they are lost.
void WorkerRelay::begin_grace(Worker& worker) {
    if (std::exchange(worker.waiting, true)) return;
    worker.grace->expires_after(shared_->grace);
    worker.grace->async_wait([this, alive = std::weak_ptr{self_}, &worker](auto error) {
        if (!error && !alive.expired() && worker.waiting) give_up(worker);
    });
}

void WorkerRelay::give_up(Worker& worker) {
    worker.waiting = false;
    std::vector<std::pair<std::string, Watcher>> watchers;
    std::erase_if(sessions_, [&](auto& session) {
        if (session.second.worker != &worker) return false;
        adopted_names_.erase(session.second.name);
        for (auto& entry : session.second.streams) watchers.emplace_back(entry.first, std::move(entry.second));
        return true;
    });
    if (!watchers.empty())
        log::error("relay worker stays away: its streams are lost",
                   {{"socket", worker.socket}, {"streams", watchers.size()}});
    const auto alive = std::weak_ptr{self_};
    for (const auto& work : std::exchange(worker.when_ready, {})) {
        work(false);
        if (alive.expired()) return;
    }
    tell_lost(std::move(watchers));
}

void WorkerRelay::tell_lost(std::vector<std::pair<std::string, Watcher>> watchers) const {
    const auto alive = std::weak_ptr{self_};
    for (const auto& [stream, watch] : watchers) {
        if (alive.expired()) return;
        watch(stream, RelayEvent::lost);
    }
}

/// What it has, and what it should have.
void WorkerRelay::compare(Worker& worker) {
    worker.client->list_sessions([this, alive = std::weak_ptr{self_}, &worker](const auto& sessions) {
        if (!alive.expired() && sessions && worker.client->connected()) settle(worker, *sessions);
    });
}

void WorkerRelay::settle(Worker& worker, const std::vector<api::SessionId>& there) {
    std::map<std::string, const std::vector<std::string>*> has;
    for (const auto& session : there) has[session.session] = &session.streams;
    std::vector<std::pair<std::string, Watcher>> watchers;
    for (auto at = sessions_.begin(); at != sessions_.end();) {
        auto& session = at->second;
        const auto known = has.find(session.name);
        // A session that has only just been asked for may not be in the answer yet.
        const bool settled = session.worker == &worker && (!worker.ready || adopted_names_.contains(session.name));
        if (settled) {
            std::erase_if(session.streams, [&](auto& stream) {
                if (known != has.end() && std::ranges::find(*known->second, stream.first) != known->second->end())
                    return false;
                watchers.emplace_back(stream.first, std::move(stream.second));
                return true;
            });
            if (session.streams.empty()) {
                adopted_names_.erase(session.name);
                at = sessions_.erase(at);
                continue;
            }
        }
        ++at;
    }
    std::vector<std::string> unheard;
    if (!worker.ready) {
        worker.orphans.clear();
        for (const auto& [name, streams] : has) {
            if (!mine(name) || adopted_names_.contains(name) || !call_of(name).empty() ||
                shared_->spoken_for.contains(name))
                continue;
            // Of an earlier life, it may carry a call still; of this life, its end was not heard.
            if (!worker.met) {
                worker.orphans.insert(name);
            } else {
                unheard.push_back(name);
            }
        }
    }
    worker.met = true;
    worker.waiting = false;
    worker.grace->cancel();
    const bool first = !std::exchange(worker.ready, true);
    const auto alive = std::weak_ptr{self_};
    tell_lost(std::move(watchers));
    if (alive.expired()) return;
    for (const auto& work : std::exchange(worker.when_ready, {})) {
        work(true);
        if (alive.expired()) return;
    }
    // After what waited, which may be about them: a close that tells the last figures.
    for (const auto& name : unheard)
        if (call_of(name).empty()) worker.client->close_stream(name, {}, [](const auto&) {});
    if (!first) return;
    resume_taps(worker);
    look(worker);
}

/// Of this shard, or of one that there is no more.
bool WorkerRelay::mine(const std::string& name) const {
    std::size_t owner = 0;
    const auto dash = name.find('-');
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), owner);
    if (error != std::errc{} || dash == name.npos || end != name.data() + dash) return false;
    return owner == shard_ || (shard_ == 0 && owner >= shards_);
}

/// Now, or when it is back within its grace; `work(false)` when it is not.
void WorkerRelay::with(Worker& worker, std::function<void(bool)> work) {
    if (worker.ready) return work(true);
    if (!worker.waiting || worker.when_ready.size() >= kMaxWaiting) return later([work] { work(false); });
    worker.when_ready.push_back(std::move(work));
}

void WorkerRelay::look(Worker& worker) {
    if (!worker.ready) return;
    measure(worker);
    end_orphans(worker);
    worker.look->expires_after(kLook);
    worker.look->async_wait([this, alive = std::weak_ptr{self_}, &worker](auto error) {
        if (!error && !alive.expired()) look(worker);
    });
}

void WorkerRelay::measure(Worker& worker) {
    const std::uint64_t assigned = *worker.assigned;
    worker.client->status([alive = std::weak_ptr{self_}, &worker, assigned](const auto& status) {
        if (alive.expired() || !status || !worker.ready) return;
        worker.meter.take(*status, std::chrono::steady_clock::now());
        worker.assigned_then = assigned;
    });
}

/// Sessions that nobody knows carry what they carry, to its end.
void WorkerRelay::end_orphans(Worker& worker) {
    for (const auto& name : worker.orphans) {
        worker.client->count(name, [this, alive = std::weak_ptr{self_}, &worker, name](const auto& counters) {
            if (alive.expired() || !counters || !worker.orphans.contains(name)) return;
            const bool silent = std::ranges::all_of(*counters, [](const api::StreamCounters& each) {
                return each.a.silent_ms > kOrphanSilenceMs && each.b.silent_ms > kOrphanSilenceMs;
            });
            if (!silent) return;
            worker.orphans.erase(name);
            if (!counters->empty()) worker.client->close_stream(name, {}, [](const auto&) {});
        });
    }
}

}  // namespace carillon::calls
