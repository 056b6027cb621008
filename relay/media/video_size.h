/// How large the pictures are that an end is sent: stepped down where the bit rate or the processor is too little for
/// them, and up again when it is enough for a while.
#pragma once
#include <array>
#include <cstdint>

#include "config/base/clock.h"

namespace carillon::relay {

/// Threading: one thread at a time.
class VideoSize {
  public:
    struct Size {
        unsigned width = 0, height = 0;
        friend bool operator==(const Size&, const Size&) = default;
    };

    /// `most_pixels`: what the end takes; 0: any.
    explicit VideoSize(unsigned most_pixels) : most_pixels_{most_pixels} {}

    /// For pictures of that size; even both ways.
    Size choose(unsigned width, unsigned height, double frames_per_second, unsigned bitrate, SteadyTime now);
    /// The processor has not kept up.
    void on_late(SteadyTime now);

  private:
    struct Step {
        unsigned part, whole;
    };
    static constexpr std::array<Step, 5> kSteps{{{1, 1}, {3, 4}, {1, 2}, {3, 8}, {1, 4}}};
    static Size scaled(unsigned width, unsigned height, std::size_t step);

    unsigned most_pixels_;
    std::size_t step_ = 0;
    std::size_t least_step_ = 0;  // for the processor's sake
    SteadyTime late_{};
    SteadyTime roomy_{};  // since when there is enough for the next larger; 0: there is not
};

}  // namespace carillon::relay
