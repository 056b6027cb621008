#include "media/pipeline/decode_sound.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "config/base/clock.h"
#include "media/pipeline/gstreamer.h"

namespace carillon::pipeline {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t kMost = 16;
constexpr auto kGood = 10min;
constexpr auto kBad = 10s;
constexpr auto kStalled = 10s;  // a pipeline that makes nothing for so long

/// One sound on its way or there. Its thread has a share of it, so nobody has to wait for it.
struct Job {
    std::string description;
    unsigned rate = 0;
    std::mutex mutex;  // guards what follows
    std::condition_variable ready;
    bool done = false;
    DecodedSound result = std::unexpected{std::string{"it is still being decoded"}};
    steady_clock::time_point at{};
};

DecodedSound decode(const std::string& description, unsigned rate, std::chrono::milliseconds longest) {
    const auto element = make_sound_element(description, rate, false);
    if (!element) return std::unexpected{element.error()};
    gst_element_set_state(element->pipeline.get(), GST_STATE_PLAYING);
    std::vector<std::int16_t> out;
    const auto most = static_cast<std::size_t>(longest.count()) * rate / 1000;
    auto last = steady_clock::now();
    while (out.size() < most) {
        if (auto failure = failure_of(*element); !failure.empty()) return std::unexpected{std::move(failure)};
        if (const SamplePtr sample{gst_app_sink_try_pull_sample(element->sink, 50 * GST_MSECOND)}) {
            const auto samples = samples_of(*sample);
            out.insert(out.end(), samples.begin(), samples.end());
            last = steady_clock::now();
        } else if (gst_app_sink_is_eos(element->sink)) {
            break;
        } else if (steady_clock::now() - last > kStalled) {
            return std::unexpected{std::string{"nothing comes from the pipeline"}};
        }
    }
    if (auto failure = failure_of(*element); out.empty() && !failure.empty())
        return std::unexpected{std::move(failure)};
    out.resize(std::min(out.size(), most));
    if (out.empty()) return std::unexpected{std::string{"there is no sound in it"}};
    return std::make_shared<const std::vector<std::int16_t>>(std::move(out));
}

void start(const std::shared_ptr<Job>& job, std::chrono::milliseconds longest) {
    std::thread{[job, longest] {
        auto result = decode(job->description, job->rate, longest);
        const std::scoped_lock lock{job->mutex};
        job->result = std::move(result);
        job->done = true;
        job->at = steady_clock::now();
        job->ready.notify_all();
    }}.detach();
}

/// Latest first. A process has one: pipelines are the operator's, and few.
struct Shelf {
    std::mutex mutex;
    std::list<std::shared_ptr<Job>> jobs;
};

bool outdated(Job& job) {
    const std::scoped_lock lock{job.mutex};
    return job.done && steady_clock::now() - job.at > (job.result ? steady_clock::duration{kGood} : kBad);
}

}  // namespace

DecodedSound decode_sound(const std::string& description, unsigned sample_rate, std::chrono::milliseconds longest,
                          std::chrono::milliseconds patience) {
    static auto& shelf = *new Shelf;  // threads may outlive what is destroyed at the end
    std::shared_ptr<Job> job;
    {
        const std::scoped_lock lock{shelf.mutex};
        shelf.jobs.remove_if([](const auto& each) { return outdated(*each); });
        const auto known = std::ranges::find_if(shelf.jobs, [&](const auto& each) {
            return each->description == description && each->rate == sample_rate;
        });
        if (known != shelf.jobs.end()) {
            job = *known;
        } else {
            if (shelf.jobs.size() >= kMost) {
                const auto idle = std::ranges::find_if(shelf.jobs, [](const auto& each) {
                    const std::scoped_lock inner{each->mutex};
                    return each->done;
                });
                if (idle == shelf.jobs.end()) return std::unexpected{std::string{"too many sounds are being decoded"}};
                shelf.jobs.erase(idle);
            }
            job = std::make_shared<Job>();
            job->description = description;
            job->rate = sample_rate;
            shelf.jobs.push_back(job);
            start(job, longest);
        }
    }
    std::unique_lock lock{job->mutex};
    job->ready.wait_for(lock, patience, [&] { return job->done; });
    return job->result;
}

}  // namespace carillon::pipeline
