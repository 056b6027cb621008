/// H.264 through GStreamer, whichever of its elements are there: x264enc or openh264enc, avdec_h264 or openh264dec.
/// Spec: ITU-T H.264 Annex A.2.1 (constrained baseline is what is made), Annex B (start codes).
/// Not here: feeding elements (gst_element.h), RTP (media/video/h264_payload.h).
#pragma once
#include "codecs/video/video_codec.h"

namespace carillon::codecs::h264 {

/// Both an encoder and a decoder are there. Nothing is loaded for that.
bool is_installed();

/// Threading: any; what comes is one thread's at a time. Throws std::runtime_error.
std::unique_ptr<VideoEncoder> make_encoder(const VideoEncoderOptions& options);
std::unique_ptr<VideoDecoder> make_decoder();

}  // namespace carillon::codecs::h264
