#include "relay/media/sound_library.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <string_view>

#include "codecs/opus/storage_codec.h"
#include "codecs/resample/resampler.h"
#include "media/pipeline/decode_sound.h"
#include "media/pipeline/sound_pipeline.h"
#include "media/record/ogg_opus_reader.h"
#include "media/wav/wav.h"

namespace carillon::relay {
namespace {

constexpr double kToneLevel = 0.2;  // -14 dB
constexpr std::chrono::milliseconds kLongestTone{60'000};
constexpr std::chrono::minutes kLongestRecording{10};  // as Opus, or from a pipeline
constexpr std::chrono::milliseconds kPatience{2000};   // signaling waits for three seconds

Recording tone(const api::Clip& clip, unsigned rate) {
    const auto length = std::min(clip.duration, kLongestTone).count() * rate / 1000;
    std::vector<std::int16_t> samples(static_cast<std::size_t>(std::max<std::int64_t>(length, 0)));
    const double step = 2 * std::numbers::pi * clip.tone_hz / rate;
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::int16_t>(kToneLevel * 32767 * std::sin(step * static_cast<double>(i)));
    return std::make_shared<const std::vector<std::int16_t>>(std::move(samples));
}

using Read = std::expected<std::vector<std::int16_t>, std::string>;

bool is_ogg(const std::string& file) {
    std::array<char, 4> magic{};
    std::ifstream in{file, std::ios::binary};
    return in.read(magic.data(), magic.size()) && std::string_view{magic.data(), magic.size()} == "OggS";
}

/// Decoded at a rate that Opus knows, then brought to the wanted one. A packet that is none is passed over.
Read read_ogg_opus(const std::string& file, unsigned rate) {
    const auto opus = record::load_ogg_opus(file);
    if (!opus) return std::unexpected{opus.error()};
    if (opus->length() > kLongestRecording) return std::unexpected{file + ": is too long to be played"};
    const unsigned decoded_at = rate == 8'000 || rate == 16'000 ? rate : 48'000;
    codecs::opus::StorageDecoder decoder{decoded_at};
    std::vector<std::int16_t> samples, room(decoded_at / 1000 * 120);
    for (const auto& packet : opus->packets) {
        const auto count = decoder.decode(packet, room);
        samples.insert(samples.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(count));
    }
    const auto skip = std::min<std::size_t>(samples.size(), opus->pre_skip / (48'000 / decoded_at));
    samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(skip));
    return codecs::resample(samples, decoded_at, rate);
}

Read read(const std::string& file, unsigned rate) {
    if (is_ogg(file)) return read_ogg_opus(file, rate);
    const auto audio = wav::load(file);
    if (!audio) return std::unexpected{audio.error()};
    return codecs::resample(audio->samples, audio->sample_rate, rate);
}

}  // namespace

std::expected<Recording, std::string> SoundLibrary::get(const api::Clip& clip, unsigned sample_rate) {
    if (!clip.pipeline.empty()) {
        auto decoded = pipeline::decode_sound(clip.pipeline, sample_rate, kLongestRecording, kPatience);
        if (!decoded) return std::unexpected{clip.pipeline + ": " + decoded.error()};
        return *decoded;
    }
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
    auto samples = read(clip.file, sample_rate);
    if (!samples) return std::unexpected{samples.error()};
    auto recording = std::make_shared<const std::vector<std::int16_t>>(std::move(*samples));
    entries_.push_front({clip.file, changed, sample_rate, recording});
    forget();
    return recording;
}

std::expected<std::shared_ptr<pipeline::SoundPipeline>, std::string> SoundLibrary::share_pipeline(
    const std::string& description) {
    if (const auto known = pipelines_.find(description); known != pipelines_.end()) return known->second;
    // Whose configuration has changed has new ones: what nobody listens to goes.
    if (pipelines_.size() >= kPipelines)
        std::erase_if(pipelines_, [](const auto& entry) { return entry.second.use_count() == 1; });
    if (pipelines_.size() >= kPipelines) return std::unexpected{std::string{"as many pipelines run as may"}};
    return pipelines_.emplace(description, std::make_shared<pipeline::SoundPipeline>(description)).first->second;
}

void SoundLibrary::forget() {
    std::size_t count = 0, samples = 0;
    const auto last = std::ranges::find_if(entries_, [&](const Entry& entry) {
        samples += entry.recording->size();
        return ++count > kKept || samples > kMostSamples;
    });
    entries_.erase(last, entries_.end());
}

}  // namespace carillon::relay
