#include "codecs/opus/opus_codec.h"

#include <opus/opus.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace carillon::codecs::opus {
namespace {

constexpr opus_int32 kRate = 48000;
constexpr int kMono = 1;
constexpr int kBitrate = 32000;
constexpr double kMostLoss = 0.2;          // that is prepared for: beyond it little is left to say anything new
constexpr std::size_t kMaxPayload = 1275;  // RFC 6716 §3.4: no frame is longer

opus_int32 rate_of(const CodecOptions& options) {
    return options.sample_rate > 0 ? static_cast<opus_int32>(options.sample_rate) : kRate;
}

}  // namespace

void OpusEncoder::Free::operator()(::OpusEncoder* state) const { opus_encoder_destroy(state); }
void OpusDecoder::Free::operator()(::OpusDecoder* state) const { opus_decoder_destroy(state); }

OpusEncoder::OpusEncoder(const CodecOptions& options) {
    int error = OPUS_OK;
    state_.reset(opus_encoder_create(rate_of(options), kMono, OPUS_APPLICATION_VOIP, &error));
    if (error != OPUS_OK) throw std::runtime_error{opus_strerror(error)};
    opus_encoder_ctl(state_.get(),
                     OPUS_SET_BITRATE(options.bitrate > 0 ? static_cast<opus_int32>(options.bitrate) : kBitrate));
    if (options.complexity > 0) opus_encoder_ctl(state_.get(), OPUS_SET_COMPLEXITY(options.complexity));
    opus_encoder_ctl(state_.get(), OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(state_.get(), OPUS_SET_PACKET_LOSS_PERC(loss_percent_));
}

void OpusEncoder::expect_loss(double share) {
    const int percent = static_cast<int>(std::clamp(share, 0.0, kMostLoss) * 100 + 0.5);
    if (percent == std::exchange(loss_percent_, percent)) return;
    opus_encoder_ctl(state_.get(), OPUS_SET_INBAND_FEC(percent > 0 ? 1 : 0));
    opus_encoder_ctl(state_.get(), OPUS_SET_PACKET_LOSS_PERC(percent));
}

std::size_t OpusEncoder::encode(Samples frame, std::span<std::byte> out) {
    const auto room = static_cast<opus_int32>(std::min(out.size(), kMaxPayload));
    const auto written = opus_encode(state_.get(), frame.data(), static_cast<int>(frame.size()),
                                     reinterpret_cast<unsigned char*>(out.data()), room);
    return written > 0 ? static_cast<std::size_t>(written) : 0;
}

OpusDecoder::OpusDecoder(const CodecOptions& options) {
    int error = OPUS_OK;
    state_.reset(opus_decoder_create(rate_of(options), kMono, &error));
    if (error != OPUS_OK) throw std::runtime_error{opus_strerror(error)};
}

std::size_t OpusDecoder::decode(Bytes payload, std::span<std::int16_t> out) {
    // An empty payload would mean "conceal" to the library; a peer does not get to ask for that.
    if (payload.empty() || payload.size() > 8 * kMaxPayload) return 0;
    const int samples =
        opus_decode(state_.get(), reinterpret_cast<const unsigned char*>(payload.data()),
                    static_cast<opus_int32>(payload.size()), out.data(), static_cast<int>(out.size()), 0);
    return samples > 0 ? static_cast<std::size_t>(samples) : 0;
}

std::size_t OpusDecoder::recover(Bytes next, std::span<std::int16_t> out) {
    if (next.empty() || next.size() > 8 * kMaxPayload) return 0;
    const int samples = opus_decode(state_.get(), reinterpret_cast<const unsigned char*>(next.data()),
                                    static_cast<opus_int32>(next.size()), out.data(), static_cast<int>(out.size()), 1);
    return samples > 0 ? static_cast<std::size_t>(samples) : 0;
}

void OpusDecoder::conceal(std::span<std::int16_t> out) {
    const int samples = opus_decode(state_.get(), nullptr, 0, out.data(), static_cast<int>(out.size()), 0);
    const auto made = samples > 0 ? static_cast<std::size_t>(samples) : 0;
    std::ranges::fill(out.subspan(made), std::int16_t{0});
}

}  // namespace carillon::codecs::opus
