#include "codecs/tones/dtmf.h"

#include <stdint.h>
#include <stdlib.h>

// In this order: the library's headers do not include what they use.
#include <spandsp/telephony.h>

#include <spandsp/logging.h>

#include <spandsp/tone_generate.h>

#include <spandsp/super_tone_rx.h>

#include <spandsp/dtmf.h>

#include <array>
#include <new>

namespace carillon::codecs {
namespace {

constexpr std::string_view kDigits = "0123456789*#ABCD";
constexpr int kRate = 8000;
constexpr int kLevel = -10;  // dBm0 of each tone; Q.24 wants -4 to -9 at the sender and hears far less
constexpr std::size_t kMaxDigits = 128;

struct FreeSender {
    void operator()(dtmf_tx_state_t* state) const { dtmf_tx_free(state); }
};

}  // namespace

bool is_dtmf_digit(char digit) { return kDigits.contains(digit); }

std::vector<std::int16_t> dtmf_tones(std::string_view digits, std::chrono::milliseconds on,
                                     std::chrono::milliseconds off) {
    std::vector<std::int16_t> sound;
    for (const char digit : digits.substr(0, kMaxDigits)) {
        if (!is_dtmf_digit(digit)) continue;
        const std::unique_ptr<dtmf_tx_state_t, FreeSender> sender{dtmf_tx_init(nullptr)};
        if (!sender) throw std::bad_alloc{};
        dtmf_tx_set_level(sender.get(), kLevel, 0);
        dtmf_tx_set_timing(sender.get(), static_cast<int>(on.count()), static_cast<int>(off.count()));
        dtmf_tx_put(sender.get(), &digit, 1);
        const auto wanted = static_cast<std::size_t>((on + off).count()) * kRate / 1000;
        const auto before = sound.size();
        sound.resize(before + wanted);
        dtmf_tx(sender.get(), sound.data() + before, static_cast<int>(wanted));
    }
    return sound;
}

void DtmfDetector::Free::operator()(dtmf_rx_state_s* state) const { dtmf_rx_free(state); }

DtmfDetector::DtmfDetector() : state_{dtmf_rx_init(nullptr, nullptr, nullptr)} {
    if (!state_) throw std::bad_alloc{};
}

std::string DtmfDetector::process(Samples sound) {
    dtmf_rx(state_.get(), sound.data(), static_cast<int>(sound.size()));
    std::array<char, kMaxDigits + 1> digits{};
    const auto count = dtmf_rx_get(state_.get(), digits.data(), static_cast<int>(kMaxDigits));
    return {digits.data(), count};
}

}  // namespace carillon::codecs
