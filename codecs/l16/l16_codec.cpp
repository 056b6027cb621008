#include "codecs/l16/l16_codec.h"

namespace carillon::codecs::l16 {

std::size_t L16Encoder::encode(Samples frame, std::span<std::byte> out) {
    if (out.size() < frame.size() * 2) return 0;
    for (std::size_t i = 0; i < frame.size(); ++i) store_u16(&out[i * 2], static_cast<std::uint16_t>(frame[i]));
    return frame.size() * 2;
}

std::size_t L16Decoder::decode(Bytes payload, std::span<std::int16_t> out) {
    const auto samples = payload.size() / 2;
    if (samples == 0 || payload.size() % 2 != 0 || out.size() < samples) return 0;
    for (std::size_t i = 0; i < samples; ++i) out[i] = static_cast<std::int16_t>(load_u16(&payload[i * 2]));
    last_.remember(out.first(samples));
    return samples;
}

}  // namespace carillon::codecs::l16
