#include "codecs/g711/g711_codec.h"

#include <algorithm>

namespace carillon::codecs::g711 {
namespace {

constexpr std::size_t kFadeSamples = 480;  // 60 ms at 8000 Hz: longer repetition sounds like a robot

}  // namespace

std::size_t G711Encoder::encode(Samples frame, std::span<std::byte> out) {
    if (out.size() < frame.size()) return 0;
    std::ranges::transform(frame, out.begin(),
                           [this](std::int16_t sample) { return std::byte{g711::encode(law_, sample)}; });
    return frame.size();
}

std::size_t G711Decoder::decode(Bytes payload, std::span<std::int16_t> out) {
    if (payload.empty() || out.size() < payload.size()) return 0;
    std::ranges::transform(payload, out.begin(),
                           [this](std::byte code) { return g711::decode(law_, std::to_integer<std::uint8_t>(code)); });
    last_.assign(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(payload.size()));
    concealed_ = 0;
    return payload.size();
}

void G711Decoder::conceal(std::span<std::int16_t> out) {
    for (auto& sample : out) {
        if (last_.empty() || concealed_ >= kFadeSamples) {
            sample = 0;
            continue;
        }
        const auto guess = static_cast<int>(last_[concealed_ % last_.size()]);
        sample = static_cast<std::int16_t>(guess * static_cast<int>(kFadeSamples - concealed_) /
                                           static_cast<int>(kFadeSamples));
        ++concealed_;
    }
}

}  // namespace carillon::codecs::g711
