#include "codecs/opus/storage_codec.h"

#include <opus/opus.h>

#include <algorithm>
#include <stdexcept>

namespace carillon::codecs::opus {
namespace {

constexpr int kMono = 1;
constexpr std::size_t kMostPayload = 1275;  // RFC 6716 §3.4

}  // namespace

void StorageEncoder::Free::operator()(::OpusEncoder* state) const { opus_encoder_destroy(state); }
void StorageDecoder::Free::operator()(::OpusDecoder* state) const { opus_decoder_destroy(state); }

StorageEncoder::StorageEncoder(const StorageOptions& options) {
    int error = OPUS_OK;
    const auto rate = static_cast<opus_int32>(options.sample_rate);
    state_.reset(opus_encoder_create(rate, kMono, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error));
    if (error != OPUS_OK) throw std::runtime_error{opus_strerror(error)};
    opus_encoder_ctl(state_.get(), OPUS_SET_BITRATE(options.bitrate));
    opus_encoder_ctl(state_.get(), OPUS_SET_COMPLEXITY(options.complexity));
    opus_int32 samples = 0;
    opus_encoder_ctl(state_.get(), OPUS_GET_LOOKAHEAD(&samples));
    look_ahead_ = static_cast<unsigned>(samples * (48'000 / rate));
}

std::size_t StorageEncoder::encode(Samples frame, std::span<std::byte> out) {
    const auto room = static_cast<opus_int32>(std::min(out.size(), kMostPayload));
    const auto written = opus_encode(state_.get(), frame.data(), static_cast<int>(frame.size()),
                                     reinterpret_cast<unsigned char*>(out.data()), room);
    return written > 0 ? static_cast<std::size_t>(written) : 0;
}

StorageDecoder::StorageDecoder(unsigned sample_rate) {
    int error = OPUS_OK;
    state_.reset(opus_decoder_create(static_cast<opus_int32>(sample_rate), kMono, &error));
    if (error != OPUS_OK) throw std::runtime_error{opus_strerror(error)};
}

std::size_t StorageDecoder::decode(Bytes payload, std::span<std::int16_t> out) {
    if (payload.empty() || payload.size() > 48 * kMostPayload) return 0;  // an empty one would mean "conceal"
    const int samples =
        opus_decode(state_.get(), reinterpret_cast<const unsigned char*>(payload.data()),
                    static_cast<opus_int32>(payload.size()), out.data(), static_cast<int>(out.size()), 0);
    return samples > 0 ? static_cast<std::size_t>(samples) : 0;
}

void StorageDecoder::conceal(std::span<std::int16_t> out) {
    const int samples = opus_decode(state_.get(), nullptr, 0, out.data(), static_cast<int>(out.size()), 0);
    std::ranges::fill(out.subspan(static_cast<std::size_t>(std::max(samples, 0))), std::int16_t{0});
}

}  // namespace carillon::codecs::opus
