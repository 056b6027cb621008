#include "relay/media/opus_file.h"

#include <algorithm>
#include <array>

namespace carillon::relay {
namespace {

constexpr int kBitrate = 24'000;
constexpr int kComplexity = 3;
constexpr unsigned kFullRate = 48'000;
// What every encoder puts before the sound at most (6.5 ms): for packets of the end's, whose encoder nobody knows.
constexpr unsigned kPreSkip = 312;

bool is_opus_rate(unsigned rate) {
    constexpr auto kRates = std::to_array<unsigned>({8'000, 12'000, 16'000, 24'000, 48'000});
    return std::ranges::find(kRates, rate) != kRates.end();
}

unsigned encoder_rate(unsigned rate) { return is_opus_rate(rate) ? rate : kFullRate; }

}  // namespace

OpusFile::OpusFile(record::OggOpusWriter writer, unsigned sample_rate)
    : writer_{std::move(writer)}, rate_{sample_rate} {}

std::expected<OpusFile, std::string> OpusFile::create(const std::string& path, unsigned sample_rate,
                                                      std::uint64_t most_octets) {
    record::OggOpusOptions options;
    options.pre_skip = kPreSkip;
    options.input_rate = sample_rate;
    if (most_octets > 0) options.most_octets = most_octets;
    auto writer = record::OggOpusWriter::create(path, options);
    if (!writer) return std::unexpected{writer.error()};
    return OpusFile{std::move(*writer), sample_rate};
}

void OpusFile::payload(Bytes packet) {
    if (encoder_) return;
    passes_ = true;
    writer_.write(packet);
}

bool OpusFile::write(const AudioReceiver::Heard& heard, codecs::Samples samples) {
    time_ += kTick;
    return passes_ ? write_passed(heard) : write_encoded(samples);
}

/// What is missing, lost or not sent, is for the decoder to fill in.
bool OpusFile::write_passed(const AudioReceiver::Heard& heard) {
    const bool sound = heard.kind == AudioReceiver::Heard::Kind::sound;
    if (!sound && writer_.samples() < time_) writer_.skip(time_ - writer_.samples());
    return writer_.error().empty();
}

void OpusFile::start_encoder() {
    const auto rate = encoder_rate(rate_);
    encoder_ = std::make_unique<codecs::opus::StorageEncoder>(
        codecs::opus::StorageOptions{.sample_rate = rate, .bitrate = kBitrate, .complexity = kComplexity});
    if (rate != rate_) to_encoder_ = std::make_unique<codecs::Resampler>(rate_, rate);
}

bool OpusFile::write_encoded(codecs::Samples samples) {
    if (!encoder_) start_encoder();
    if (to_encoder_) {
        const auto more = to_encoder_->process(samples);
        pending_.insert(pending_.end(), more.begin(), more.end());
    } else {
        pending_.insert(pending_.end(), samples.begin(), samples.end());
    }
    const auto frame = encoder_rate(rate_) / 50;
    while (pending_.size() >= frame) {
        std::array<std::byte, 1500> room;
        const auto size = encoder_->encode(codecs::Samples{pending_}.first(frame), room);
        pending_.erase(pending_.begin(), pending_.begin() + frame);
        if (size == 0 || !writer_.write(Bytes{room}.first(size))) return writer_.error().empty();
    }
    return writer_.error().empty();
}

}  // namespace carillon::relay
