/// Dual-tone multi-frequency signals in sound: made and heard, at 8000 Hz.
/// Spec: ITU-T Q.23, Q.24. Digits are 0-9, *, #, A-D.
/// Not here: digits as RTP events (media/rtp/telephone_event.h).
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/audio_codec.h"

struct dtmf_rx_state_s;

namespace carillon::codecs {

bool is_dtmf_digit(char digit);

/// The sound of `digits`, each `on` long with `off` of silence behind it. Characters that are no digits are left out.
std::vector<std::int16_t> dtmf_tones(std::string_view digits,
                                     std::chrono::milliseconds on = std::chrono::milliseconds{100},
                                     std::chrono::milliseconds off = std::chrono::milliseconds{100});

/// Listens for digits in a stream of 8 kHz sound.
/// Owns: the library's state. Threading: one thread at a time.
class DtmfDetector {
  public:
    DtmfDetector();
    /// Feeds consecutive sound; answers the digits that became certain in it.
    std::string process(Samples sound);

  private:
    struct Free {
        void operator()(dtmf_rx_state_s* state) const;
    };
    std::unique_ptr<dtmf_rx_state_s, Free> state_;
};

}  // namespace carillon::codecs
