#include "relay/media/sound_library.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "codecs/resample/resampler.h"
#include "media/wav/wav.h"

namespace carillon::relay {
namespace {

constexpr double kToneLevel = 0.2;  // -14 dB
constexpr std::chrono::milliseconds kLongestTone{60'000};

Recording tone(const api::Clip& clip, unsigned rate) {
    const auto length = std::min(clip.duration, kLongestTone).count() * rate / 1000;
    std::vector<std::int16_t> samples(static_cast<std::size_t>(std::max<std::int64_t>(length, 0)));
    const double step = 2 * std::numbers::pi * clip.tone_hz / rate;
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::int16_t>(kToneLevel * 32767 * std::sin(step * static_cast<double>(i)));
    return std::make_shared<const std::vector<std::int16_t>>(std::move(samples));
}

}  // namespace

std::expected<Recording, std::string> SoundLibrary::get(const api::Clip& clip, unsigned sample_rate) {
    if (clip.file.empty()) return tone(clip, sample_rate);
    std::error_code error;
    const auto size = std::filesystem::file_size(clip.file, error);
    if (error) return std::unexpected{clip.file + ": " + error.message()};
    if (size > kLargest) return std::unexpected{clip.file + ": is too long to be played"};
    const auto changed = std::filesystem::last_write_time(clip.file, error).time_since_epoch().count();
    const auto known = std::ranges::find_if(entries_, [&](const Entry& entry) {
        return entry.file == clip.file && entry.changed == changed && entry.rate == sample_rate;
    });
    if (known != entries_.end()) {
        entries_.splice(entries_.begin(), entries_, known);
        return entries_.front().recording;
    }
    const auto audio = wav::load(clip.file);
    if (!audio) return std::unexpected{audio.error()};
    auto samples = codecs::resample(audio->samples, audio->sample_rate, sample_rate);
    auto recording = std::make_shared<const std::vector<std::int16_t>>(std::move(samples));
    entries_.push_front({clip.file, changed, sample_rate, recording});
    if (entries_.size() > kKept) entries_.pop_back();
    return recording;
}

}  // namespace carillon::relay
