/// The sound of one side on the recording's time line, 16 kHz, until it is encoded: a second of it at most.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "codecs/audio_codec.h"

namespace carillon::record {

/// Threading: one thread at a time.
class PcmLine {
  public:
    static constexpr unsigned kRate = 16'000;
    static constexpr std::size_t kFrame = kRate / 50;  // 20 ms

    struct Frame {
        std::array<std::int16_t, kFrame> samples{};
        bool filled = false;   ///< something was put here
        bool encoded = false;  ///< of it, something that no Opus packet brought
    };

    PcmLine() : frames_(kFrames) {}

    /// At `position` samples from the beginning. What is behind the cursor or too far ahead is left out.
    void put(std::uint64_t position, codecs::Samples samples, bool encoded) {
        for (const auto sample : samples) {
            const auto frame = position / kFrame;
            if (frame >= cursor_ && frame < cursor_ + kFrames) {
                auto& slot = frames_[frame % kFrames];
                slot.samples[position % kFrame] = sample;
                slot.filled = true;
                slot.encoded = slot.encoded || encoded;
            }
            ++position;
        }
    }
    /// Before anything was put: frames up to here are somebody else's.
    void begin(std::uint64_t frame) { cursor_ = frame; }
    std::uint64_t cursor() const { return cursor_; }  ///< the next frame's number
    Frame take() {
        auto& slot = frames_[cursor_++ % kFrames];
        const Frame out = slot;
        slot = {};
        return out;
    }

  private:
    static constexpr std::size_t kFrames = 64;
    std::vector<Frame> frames_;
    std::uint64_t cursor_ = 0;
};

}  // namespace carillon::record
