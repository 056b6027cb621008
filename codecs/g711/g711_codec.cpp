#include "codecs/g711/g711_codec.h"

#include <algorithm>

namespace carillon::codecs::g711 {

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
    last_.remember(out.first(payload.size()));
    return payload.size();
}

}  // namespace carillon::codecs::g711
