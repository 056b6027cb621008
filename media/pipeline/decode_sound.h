/// A sound of limited length, decoded whole by a GStreamer pipeline: greetings and announcements.
/// Not here: sources without an end (sound_pipeline.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace carillon::pipeline {

using DecodedSound = std::expected<std::shared_ptr<const std::vector<std::int16_t>>, std::string>;

/// What the pipeline makes until its end, at that sample rate, cut off at `longest`. Waits for `patience`; what takes
/// longer is ready when it is asked for again. A result holds for ten minutes, a failure for ten seconds. At most 16
/// sounds are kept. The error is a sentence. Threading: any.
DecodedSound decode_sound(const std::string& description, unsigned sample_rate, std::chrono::milliseconds longest,
                          std::chrono::milliseconds patience);

}  // namespace carillon::pipeline
