#include "codecs/g722/g722_codec.h"

#include <stdint.h>

#include <spandsp/telephony.h>
// telephony.h first: the library's headers do not include what they use.
#include <spandsp/g722.h>

#include <new>

namespace carillon::codecs::g722 {
namespace {

constexpr int kBitsPerSecond = 64000;
constexpr int kDefaultOptions = 0;  // 16 kHz samples, one octet a code word

}  // namespace

void G722Encoder::Free::operator()(g722_encode_state_s* state) const { g722_encode_free(state); }
void G722Decoder::Free::operator()(g722_decode_state_s* state) const { g722_decode_free(state); }

G722Encoder::G722Encoder() : state_{g722_encode_init(nullptr, kBitsPerSecond, kDefaultOptions)} {
    if (!state_) throw std::bad_alloc{};
}

std::size_t G722Encoder::encode(Samples frame, std::span<std::byte> out) {
    if (frame.size() % 2 != 0 || out.size() < frame.size() / 2) return 0;
    const int written = g722_encode(state_.get(), reinterpret_cast<std::uint8_t*>(out.data()), frame.data(),
                                    static_cast<int>(frame.size()));
    return written > 0 ? static_cast<std::size_t>(written) : 0;
}

G722Decoder::G722Decoder() : state_{g722_decode_init(nullptr, kBitsPerSecond, kDefaultOptions)} {
    if (!state_) throw std::bad_alloc{};
}

std::size_t G722Decoder::decode(Bytes payload, std::span<std::int16_t> out) {
    if (payload.empty() || out.size() < payload.size() * 2) return 0;
    const int made = g722_decode(state_.get(), out.data(), reinterpret_cast<const std::uint8_t*>(payload.data()),
                                 static_cast<int>(payload.size()));
    if (made <= 0) return 0;
    last_.remember(out.first(static_cast<std::size_t>(made)));
    return static_cast<std::size_t>(made);
}

}  // namespace carillon::codecs::g722
