#include "codecs/resample/resampler.h"

#include <speex/speex_resampler.h>

#include <stdexcept>

namespace carillon::codecs {
namespace {

constexpr int kQuality = 8;  // of 10: transparent for speech at a few per cent of a core

}  // namespace

void Resampler::Free::operator()(SpeexResamplerState_* state) const { speex_resampler_destroy(state); }

Resampler::Resampler(unsigned from_rate, unsigned to_rate) : from_rate_{from_rate}, to_rate_{to_rate} {
    int error = RESAMPLER_ERR_SUCCESS;
    if (from_rate == 0 || to_rate == 0) throw std::runtime_error{"a sample rate is zero"};
    state_.reset(speex_resampler_init(1, from_rate, to_rate, kQuality, &error));
    if (error != RESAMPLER_ERR_SUCCESS) throw std::runtime_error{speex_resampler_strerror(error)};
}

std::vector<std::int16_t> Resampler::process(Samples input) {
    std::vector<std::int16_t> output(input.size() * to_rate_ / from_rate_ + 64);
    auto taken = static_cast<spx_uint32_t>(input.size());
    auto made = static_cast<spx_uint32_t>(output.size());
    speex_resampler_process_int(state_.get(), 0, input.data(), &taken, output.data(), &made);
    output.resize(made);
    return output;
}

std::vector<std::int16_t> resample(Samples whole, unsigned from_rate, unsigned to_rate) {
    if (from_rate == to_rate) return {whole.begin(), whole.end()};
    Resampler resampler{from_rate, to_rate};
    // Skips the filter's leading zeros, then pushes the tail out with silence.
    speex_resampler_skip_zeros(resampler.state_.get());
    auto output = resampler.process(whole);
    const std::vector<std::int16_t> silence(
        static_cast<std::size_t>(speex_resampler_get_input_latency(resampler.state_.get())) + from_rate / 100);
    const auto tail = resampler.process(silence);
    output.insert(output.end(), tail.begin(), tail.end());
    output.resize(static_cast<std::size_t>(static_cast<std::uint64_t>(whole.size()) * to_rate / from_rate));
    return output;
}

}  // namespace carillon::codecs
