#include "media/pipeline/sound_pipeline.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "config/base/log.h"
#include "media/pipeline/gstreamer.h"

namespace carillon::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr GstClockTime kLook = 50 * GST_MSECOND;
constexpr std::chrono::seconds kGood{30};  // what has run so long is not failing again and again

std::int64_t now() { return steady_clock::now().time_since_epoch().count(); }

}  // namespace

SoundPipeline::SoundPipeline(std::string description, Times times)
    : description_{std::move(description)},
      times_{times},
      kept_(kKept),
      pause_{times.first_pause},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {}

SoundPipeline::~SoundPipeline() {
    thread_.request_stop();
    knock_.notify_all();
}

bool SoundPipeline::listened() const {
    const steady_clock::duration since{now() - last_read_.load(std::memory_order_relaxed)};
    return since < times_.idle;
}

void SoundPipeline::read(Place& place, std::span<std::int16_t> out) {
    last_read_.store(now(), std::memory_order_relaxed);
    const std::scoped_lock lock{mutex_};
    if (std::exchange(parked_, false)) knock_.notify_all();
    const auto written = written_.load(std::memory_order_relaxed);
    const bool lost = place.next > written || place.next + kKept < written + out.size();
    if (!place.begun || lost) {
        // Only when there is so much: what is behind would run dry at once.
        if (written < kBehind) {
            std::ranges::fill(out, std::int16_t{0});
            return;
        }
        place = {.next = written - kBehind, .begun = true};
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), written - place.next));
    for (std::size_t i = 0; i < count; ++i) out[i] = kept_[(place.next + i) % kKept];
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(count), out.end(), std::int16_t{0});
    place.next += count;
    // It has run dry: it waits until there is a little again.
    if (count < out.size()) place.begun = false;
}

void SoundPipeline::write(std::span<const std::int16_t> samples) {
    const std::scoped_lock lock{mutex_};
    auto at = written_.load(std::memory_order_relaxed);
    for (const auto sample : samples) kept_[at++ % kKept] = sample;
    written_.store(at, std::memory_order_relaxed);
}

/// False: the end.
bool SoundPipeline::wait_for_listener(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    if (!listened()) {
        parked_ = true;
        knock_.wait(lock, stop, [this] { return !parked_; });
    }
    return !stop.stop_requested();
}

bool SoundPipeline::pause(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    knock_.wait_for(lock, stop, pause_, [] { return false; });
    pause_ = std::min(pause_ * 2, times_.longest_pause);
    return !stop.stop_requested();
}

void SoundPipeline::run(const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "relay-pipeline");
    while (wait_for_listener(stop)) {
        const auto begun = steady_clock::now();
        const auto end = play(stop);
        if (end == End::stopped) return;
        if (end == End::idle) continue;
        if (steady_clock::now() - begun > kGood) pause_ = times_.first_pause;
        if (end == End::failed) failures_.fetch_add(1, std::memory_order_relaxed);
        if (!pause(stop)) return;
    }
}

SoundPipeline::End SoundPipeline::play(const std::stop_token& stop) {
    auto element = make_sound_element(description_, kRate, true);
    if (!element) {
        log::error("a sound source fails", {{"pipeline", description_}, {"why", element.error()}});
        return End::failed;
    }
    gst_element_set_state(element->pipeline.get(), GST_STATE_PLAYING);
    return pull(stop, *element);
}

SoundPipeline::End SoundPipeline::pull(const std::stop_token& stop, SoundElement& element) {
    auto last = steady_clock::now();
    bool sounded = false;  // since its beginning
    while (!stop.stop_requested()) {
        if (!listened()) return End::idle;
        if (const auto failure = failure_of(element); !failure.empty()) {
            log::error("a sound source fails", {{"pipeline", description_}, {"why", failure}});
            return End::failed;
        }
        if (const SamplePtr sample{gst_app_sink_try_pull_sample(element.sink, kLook)}) {
            write(samples_of(*sample));
            last = steady_clock::now();
            sounded = true;
        } else if (gst_app_sink_is_eos(element.sink)) {
            const auto flags = static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT);
            if (!std::exchange(sounded, false) ||
                !gst_element_seek_simple(element.pipeline.get(), GST_FORMAT_TIME, flags, 0))
                return End::finished;
        } else if (steady_clock::now() - last > times_.stalled) {
            log::error("a sound source fails", {{"pipeline", description_}, {"why", "nothing comes from it"}});
            return End::failed;
        }
    }
    return End::stopped;
}

}  // namespace carillon::pipeline
