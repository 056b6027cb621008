#include "relay/media/media_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "config/base/log.h"

namespace carillon::relay {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kPhases = 4;
constexpr nanoseconds kLongestDelay = std::chrono::milliseconds{100};  // after a longer stall time is left out
constexpr std::chrono::seconds kWindow{1};                             // over which a thread's load is measured

}  // namespace

class MediaPool::Worker {
  public:
    Worker(std::size_t index, const MediaPoolOptions& options)
        : index_{index}, options_{options}, thread_{[this](const std::stop_token& stop) { run(stop); }} {}
    ~Worker() {
        thread_.request_stop();
        work_.notify_all();
    }

    std::uint64_t add(std::unique_ptr<MediaJob> job, std::shared_ptr<MediaChannel> channel, int wake,
                      MediaJob::Tell tell) {
        auto entry = std::make_unique<Entry>();
        entry->id = ++last_id_;
        entry->job = std::move(job);
        entry->channel = std::move(channel);
        entry->wake = wake;
        entry->tell = std::move(tell);
        const auto id = entry->id;
        jobs_.fetch_add(1, std::memory_order_relaxed);
        guessed_.fetch_add(1, std::memory_order_relaxed);
        const std::scoped_lock lock{mutex_};
        fresh_.push_back(std::move(entry));
        work_.notify_one();
        return id;
    }
    void with(std::uint64_t id, std::function<void(MediaJob&)> work) {
        const std::scoped_lock lock{mutex_};
        errands_.push_back({id, std::move(work)});
        work_.notify_one();
    }

    std::size_t index() const { return index_; }
    std::size_t jobs() const { return jobs_.load(std::memory_order_relaxed); }
    std::uint64_t late() const { return late_.load(std::memory_order_relaxed); }
    double measured() const { return busy_.load(std::memory_order_relaxed); }
    /// As measured, and what the jobs that have come since may add.
    double busy() const {
        return measured() + options_.guess * static_cast<double>(guessed_.load(std::memory_order_relaxed));
    }

  private:
    struct Entry {
        std::uint64_t id = 0;
        std::unique_ptr<MediaJob> job;
        std::shared_ptr<MediaChannel> channel;
        int wake = -1;
        MediaJob::Tell tell;
    };
    struct Errand {
        std::uint64_t id;
        std::function<void(MediaJob&)> work;
    };
    using Entries = std::vector<std::unique_ptr<Entry>>;

    void run(const std::stop_token& stop);
    bool wait_for_work(const std::stop_token& stop);
    void take_orders();
    void do_errand(Entry& entry, Errand& errand);
    void run_phase(Entries& entries, std::size_t skipped, steady_clock::time_point now);
    bool run_job(Entry& entry, std::size_t skipped, steady_clock::time_point now);
    void drop(Entry& entry, std::string_view why);
    void measure(steady_clock::time_point now);

    std::size_t index_;
    MediaPoolOptions options_;
    std::uint64_t last_id_ = 0;  // the control thread's
    std::mutex mutex_;           // guards what follows
    std::condition_variable_any work_;
    Entries fresh_;
    std::vector<Errand> errands_;

    std::array<Entries, kPhases> phases_;  // the thread's, as what follows
    std::vector<int> wakes_;
    nanoseconds worked_{};
    steady_clock::time_point window_ = steady_clock::now();

    std::atomic<std::size_t> jobs_{0};
    std::atomic<std::size_t> guessed_{0};
    std::atomic<std::uint64_t> late_{0};
    std::atomic<double> busy_{0};
    std::jthread thread_;  // last: it ends before what it uses
};

/// True when there was nothing to do: time has to be taken anew.
bool MediaPool::Worker::wait_for_work(const std::stop_token& stop) {
    if (std::ranges::any_of(phases_, [](const Entries& entries) { return !entries.empty(); })) return false;
    std::unique_lock lock{mutex_};
    if (!fresh_.empty()) return false;
    errands_.clear();  // nobody is here to do them
    busy_.store(0, std::memory_order_relaxed);
    work_.wait(lock, stop, [this] { return !fresh_.empty(); });
    return true;
}

void MediaPool::Worker::take_orders() {
    Entries fresh;
    std::vector<Errand> errands;
    {
        const std::scoped_lock lock{mutex_};
        fresh.swap(fresh_);
        errands.swap(errands_);
    }
    for (auto& entry : fresh) std::ranges::min_element(phases_, {}, &Entries::size)->push_back(std::move(entry));
    for (auto& errand : errands)
        for (auto& entries : phases_)
            for (auto& entry : entries)
                if (entry->id == errand.id) do_errand(*entry, errand);
}

void MediaPool::Worker::do_errand(Entry& entry, Errand& errand) {
    try {
        errand.work(*entry.job);
    } catch (const std::exception& error) {
        drop(entry, error.what());
        entry.channel->closed.store(true, std::memory_order_release);
    }
}

void MediaPool::Worker::run(const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), options_.name.c_str());
    if (options_.nice > 0) ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), options_.nice);
    const nanoseconds tick{options_.tick};
    auto due = steady_clock::now();
    std::size_t skipped = 0;
    for (std::size_t phase = 0; !stop.stop_requested(); phase = (phase + 1) % kPhases) {
        if (wait_for_work(stop)) due = window_ = steady_clock::now();
        std::this_thread::sleep_until(due);
        const auto now = steady_clock::now();
        if (phase == 0) {
            skipped = now - due > kLongestDelay ? static_cast<std::size_t>((now - due) / tick) : 0;
            due += skipped * tick;
        }
        due += tick / kPhases;
        take_orders();
        run_phase(phases_[phase], skipped, now);
        const auto done = steady_clock::now();
        worked_ += done - now;
        measure(done);
    }
}

void MediaPool::Worker::run_phase(Entries& entries, std::size_t skipped, steady_clock::time_point now) {
    late_.fetch_add(skipped * entries.size(), std::memory_order_relaxed);
    const auto ended = std::erase_if(entries, [&](auto& entry) { return !run_job(*entry, skipped, now); });
    if (ended > 0) jobs_.fetch_sub(ended, std::memory_order_relaxed);
    for (const int wake : wakes_) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(wake, &one, sizeof one);
    }
    wakes_.clear();
}

/// False when the job has ended.
bool MediaPool::Worker::run_job(Entry& entry, std::size_t skipped, steady_clock::time_point now) {
    if (entry.channel->closed.load(std::memory_order_acquire)) return false;
    MediaPort port{*entry.channel};
    try {
        if (skipped > 0) entry.job->skip(skipped);
        entry.job->tick(port, now);
    } catch (const std::exception& error) {
        drop(entry, error.what());
        return false;
    }
    if (port.emitted() && std::ranges::find(wakes_, entry.wake) == wakes_.end()) wakes_.push_back(entry.wake);
    return true;
}

/// A job that cannot go on is nobody else's business.
void MediaPool::Worker::drop(Entry& entry, std::string_view why) {
    entry.channel->ended.store(true, std::memory_order_release);
    log::error("media program failed", {{"why", why}});
    if (entry.tell)
        entry.tell({.kind = api::ProgramEvent::Kind::failed, .digit = {}, .reason = std::string{why}, .file = {}});
}

void MediaPool::Worker::measure(steady_clock::time_point now) {
    const auto passed = now - window_;
    if (passed < kWindow) return;
    busy_.store(static_cast<double>(worked_.count()) / static_cast<double>(nanoseconds{passed}.count()),
                std::memory_order_relaxed);
    guessed_.store(0, std::memory_order_relaxed);
    worked_ = {};
    window_ = now;
}

MediaPool::MediaPool(MediaPoolOptions options) : options_{std::move(options)} {
    const std::size_t processors = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < (options_.threads > 0 ? options_.threads : processors); ++i)
        workers_.push_back(std::make_unique<Worker>(i, options_));
}

MediaPool::~MediaPool() = default;

MediaPool::Worker* MediaPool::lightest() const {
    Worker* best = nullptr;
    for (const auto& worker : workers_) {
        if (worker->jobs() >= options_.jobs_per_thread || worker->busy() >= options_.busiest) continue;
        if (!best || worker->busy() < best->busy()) best = worker.get();
    }
    return best;
}

std::string MediaPool::refusal() const {
    if (lightest()) return {};
    const bool full = std::ranges::all_of(
        workers_, [this](const auto& worker) { return worker->jobs() >= options_.jobs_per_thread; });
    return full ? "the worker runs as many media programs as it may" : "the worker's media threads are busy";
}

std::expected<MediaTicket, std::string> MediaPool::add(std::unique_ptr<MediaJob> job,
                                                       std::shared_ptr<MediaChannel> channel, int wake,
                                                       MediaJob::Tell tell) {
    auto* worker = lightest();
    if (!worker) return std::unexpected{refusal()};
    const auto id = worker->add(std::move(job), std::move(channel), wake, std::move(tell));
    return MediaTicket{worker->index(), id};
}

void MediaPool::with(const MediaTicket& ticket, std::function<void(MediaJob&)> work) {
    workers_[ticket.thread]->with(ticket.job, std::move(work));
}

MediaLoad MediaPool::load() const {
    MediaLoad load;
    for (const auto& worker : workers_) {
        load.jobs += worker->jobs();
        load.late += worker->late();
        load.busiest = std::max(load.busiest, worker->measured());
    }
    return load;
}

}  // namespace carillon::relay
