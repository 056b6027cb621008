/// How large the picture of a key frame is, as its head says.
/// Spec: RFC 6386 §9.1 (VP8); VP9 Bitstream Specification §6.2 (uncompressed_header); ITU-T H.264 §7.3.2.1.1 (SPS).
/// Not here: decoding.
#pragma once
#include <cstdint>
#include <optional>

#include "media/video/frame_assembler.h"

namespace carillon::video {

struct FrameSize {
    unsigned width = 0, height = 0;
    friend bool operator==(const FrameSize&, const FrameSize&) = default;
};

/// Nothing: it is no key frame, or none of the format. A scalable VP9 picture is as large as its first layer.
std::optional<FrameSize> frame_size(VideoFormat format, Bytes frame);

}  // namespace carillon::video
