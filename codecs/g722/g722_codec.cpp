#include "codecs/g722/g722_codec.h"

#include <stdint.h>

#include <spandsp/telephony.h>
// telephony.h first: the library's headers do not include what they use.
#include <spandsp/g722.h>
#include <spandsp/private/g722.h>

#include <algorithm>
#include <new>

namespace carillon::codecs::g722 {
namespace {

constexpr int kBitsPerSecond = 64000;
constexpr int kDefaultOptions = 0;  // 16 kHz samples, one octet a code word

/// Table 11/G.722, every second one; the others are the same from the other end.
constexpr std::array<int, 12> kFilter{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};

std::int16_t stopped(int value) { return static_cast<std::int16_t>(std::clamp(value, -32'768, 32'767)); }

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
    state_->itu_test_mode = 1;  // without its filter: the sub-bands, twice as large
}

/// §4.4, blocks of the receive QMF.
void G722Decoder::join(std::span<std::int16_t, 2> pair) {
    const int low = pair[0] / 2, high = pair[1] / 2;
    sums_[at_] = low + high;
    differences_[at_] = low - high;
    at_ = (at_ + 1) % kTaps;
    int first = 0, second = 0;
    for (std::size_t i = 0; i < kTaps; ++i) {
        const auto from = (at_ + i) % kTaps;
        first += differences_[from] * kFilter[kTaps - 1 - i];
        second += sums_[from] * kFilter[i];
    }
    pair[0] = stopped(first >> 11);
    pair[1] = stopped(second >> 11);
}

std::size_t G722Decoder::decode(Bytes payload, std::span<std::int16_t> out) {
    if (payload.empty() || out.size() < payload.size() * 2) return 0;
    const int made = g722_decode(state_.get(), out.data(), reinterpret_cast<const std::uint8_t*>(payload.data()),
                                 static_cast<int>(payload.size()));
    if (made <= 0) return 0;
    for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(made); i += 2) join(out.subspan(i).first<2>());
    last_.remember(out.first(static_cast<std::size_t>(made)));
    return static_cast<std::size_t>(made);
}

}  // namespace carillon::codecs::g722
