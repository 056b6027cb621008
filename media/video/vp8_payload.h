/// VP8 in RTP: the descriptor before each payload, and frames cut into packets.
/// Spec: RFC 7741 §4.2 (payload descriptor), §4.3 (payload header), §4.4 (aggregation and fragmentation); RFC 6386
/// §9.1. Not here: putting packets together (frame_assembler.h), coding (codecs/vpx).
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::video {

///       0 1 2 3 4 5 6 7
///      |X|R|N|S|R| PID |   required
/// X:   |I|L|T|K| RSV   |
/// I:   |M| PictureID   |   and 8 bits more with M
/// L:   |   TL0PICIDX   |
/// T/K: |TID|Y| KEYIDX  |
struct Vp8Descriptor {
    bool non_reference = false;  ///< N: nothing is predicted from this frame
    bool start = false;          ///< S: a partition begins
    std::uint8_t partition = 0;  ///< PID
    std::optional<std::uint16_t> picture_id;
    bool long_picture_id = false;  ///< of 15 bits
    std::optional<std::uint8_t> tl0_picture_index;
    std::optional<std::uint8_t> temporal_layer;
    bool layer_sync = false;  ///< Y: depends on the base layer alone
    std::optional<std::uint8_t> key_index;
    std::size_t size = 0;  ///< octets up to the VP8 payload

    static Parsed<Vp8Descriptor> parse(Bytes payload);
    void write(std::vector<std::byte>& out) const;
    bool starts_frame() const { return start && partition == 0; }
};

/// Of a frame's first octets (RFC 6386 §9.1).
struct Vp8FrameHeader {
    bool key = false;
    bool shown = true;
    std::uint16_t width = 0, height = 0;  ///< key frames only

    static Parsed<Vp8FrameHeader> parse(Bytes frame);
};

/// RTP payloads of `most` octets at most, in order; the last one gets the marker. The descriptor's S, PID are set here.
std::vector<std::vector<std::byte>> packetize_vp8(Bytes frame, Vp8Descriptor descriptor, std::size_t most);

}  // namespace carillon::video
