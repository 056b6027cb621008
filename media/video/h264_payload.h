/// H.264 in RTP: what each payload holds, as an octet stream with start codes.
/// Spec: RFC 6184 §5.6 (single NAL unit), §5.7.1 (STAP-A), §5.8 (FU-A); ITU-T H.264 §7.3.1 and Annex B.
/// Not here: interleaved packets (STAP-B, MTAP, FU-B: packetization-mode 2), coding.
#pragma once
#include <cstdint>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::video {

struct H264Payload {
    std::vector<std::byte> data;  ///< NAL units behind start codes; the rest of one where a fragment goes on
    bool starts = true;           ///< begins with the beginning of a NAL unit
    bool key = false;             ///< holds (the beginning of) an IDR picture or a sequence parameter set

    static Parsed<H264Payload> parse(Bytes payload);
};

/// The NAL units of an octet stream, without their start codes.
std::vector<Bytes> nal_units(Bytes stream);

inline constexpr std::uint8_t kNalIdr = 5, kNalSps = 7, kNalPps = 8;
inline std::uint8_t nal_type(Bytes unit) { return unit.empty() ? 0 : std::to_integer<std::uint8_t>(unit[0]) & 0x1F; }

/// RTP payloads of `most` octets at most: single NAL units, STAP-A of several small ones and FU-A of large ones
/// (packetization-mode 1); the last one gets the marker.
std::vector<std::vector<std::byte>> packetize_h264(Bytes stream, std::size_t most);

/// ISO/IEC 14496-15 §5.3.3.1, what Matroska wants as private data: from a stream with both parameter sets, else empty.
std::vector<std::byte> avc_configuration(Bytes stream);
/// The same stream with sizes of four octets in the place of start codes.
std::vector<std::byte> with_sizes(Bytes stream);

}  // namespace carillon::video
