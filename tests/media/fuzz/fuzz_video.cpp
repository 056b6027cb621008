/// VP8 and VP9 descriptors never claim more than the payload has, and what is written is read again; frames put
/// together of anything go to the decoders. H.264 comes out of its packets as it went in.
#include <cstdlib>

#include "codecs/vpx/vpx_codec.h"
#include "media/video/frame_assembler.h"
#include "media/video/frame_size.h"
#include "media/video/h264_payload.h"
#include "media/video/vp8_payload.h"
#include "media/video/vp9_payload.h"

using namespace carillon;

namespace {

template <class Descriptor>
void check(Bytes payload) {
    const auto read = Descriptor::parse(payload);
    if (!read) return;
    if (read->size >= payload.size()) std::abort();
    std::vector<std::byte> written;
    read->write(written);
    written.push_back({});
    const auto again = Descriptor::parse(written);
    // A structure is read but not written.
    if constexpr (requires { read->structure; })
        if (read->structure) return;
    if (!again || again->picture_id != read->picture_id || again->temporal_layer != read->temporal_layer) std::abort();
}

void assemble(video::VideoFormat format, codecs::vpx::Format codec, Bytes input) {
    static codecs::vpx::Decoder vp8{codecs::vpx::Format::vp8}, vp9{codecs::vpx::Format::vp9};
    auto& decoder = codec == codecs::vpx::Format::vp8 ? vp8 : vp9;
    video::FrameAssembler assembler{format};
    ByteReader in{input};
    rtp::Header header;
    while (const auto head = in.u8()) {  // marker, new time stamp, steps of the sequence number; a length; a payload
        const auto length = in.u8();
        const auto payload = in.take(length.value_or(0));
        if (!length || !payload) break;
        header.marker = (*head & 0x80) != 0;
        if ((*head & 0x40) != 0) header.timestamp += 3000;
        header.sequence.value = static_cast<std::uint16_t>(header.sequence.value + (*head & 0x07));
        assembler.put(header, *payload);
        while (const auto frame = assembler.take()) (void)decoder.decode(frame->data);
    }
}

/// Frames of anything; what NAL units they hold survives another way through packets.
void assemble_h264(Bytes input) {
    video::FrameAssembler assembler{video::VideoFormat::h264};
    ByteReader in{input};
    rtp::Header header;
    while (const auto head = in.u8()) {
        const auto length = in.u8();
        const auto payload = in.take(length.value_or(0));
        if (!length || !payload) break;
        header.marker = (*head & 0x80) != 0;
        if ((*head & 0x40) != 0) header.timestamp += 3000;
        header.sequence.value = static_cast<std::uint16_t>(header.sequence.value + (*head & 0x07));
        if ((*head & 0x20) != 0) assembler.put_filler(header.sequence);
        assembler.put(header, *payload);
        while (const auto frame = assembler.take()) (void)video::with_sizes(frame->data);
    }
}

void round_trip_h264(Bytes input) {
    (void)video::avc_configuration(input);
    std::vector<std::byte> joined;
    for (const auto& packet : video::packetize_h264(input, 20)) {
        const auto read = video::H264Payload::parse(packet);
        if (!read) return;  // units of types that only packets have, or of one octet
        joined.insert(joined.end(), read->data.begin(), read->data.end());
    }
    if (video::with_sizes(joined) != video::with_sizes(input)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input{reinterpret_cast<const std::byte*>(data), size};
    check<video::Vp8Descriptor>(input);
    check<video::Vp9Descriptor>(input);
    (void)video::Vp8FrameHeader::parse(input);
    for (const auto format : {video::VideoFormat::vp8, video::VideoFormat::vp9, video::VideoFormat::h264})
        (void)video::frame_size(format, input);
    assemble_h264(input);
    round_trip_h264(input);
    assemble(video::VideoFormat::vp8, codecs::vpx::Format::vp8, input);
    assemble(video::VideoFormat::vp9, codecs::vpx::Format::vp9, input);
    return 0;
}
