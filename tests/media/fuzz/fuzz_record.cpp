/// Recordings take whatever comes as RTP; what libopus decodes is a packet for the file reader, too, and as long.
#include <array>
#include <cstdlib>

#include "codecs/opus/opus_packet.h"
#include "codecs/opus/storage_codec.h"
#include "media/record/leg_track.h"
#include "media/record/video_track.h"
#include "media/video/frame_size.h"

using namespace carillon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input{reinterpret_cast<const std::byte*>(data), size};
    {
        codecs::opus::StorageDecoder decoder{48'000};
        std::array<std::int16_t, codecs::opus::kLongestPacket> pcm;
        const auto decoded = decoder.decode(input, pcm);
        const auto info = codecs::opus::PacketInfo::parse(input);
        if (decoded > 0 && (!info || info->samples != decoded)) std::abort();
    }
    record::VideoTrack pictures{{{96, "VP8/90000"},
                                 {98, "VP9/90000"},
                                 {102, "H264/90000"},
                                 {97, "rtx/90000"},
                                 {63, "red/90000"},
                                 {117, "ulpfec/90000"}},
                                [](video::VideoFormat format, const video::VideoFrame& frame, auto) {
                                    (void)video::frame_size(format, frame.data);
                                },
                                {}};
    // Packets of one leg, each behind its length; its time goes on by the octet after that.
    record::PcmLine line;
    record::LegTrack track{{{111, "opus/48000"}, {63, "red/48000"}, {96, "L16/16000"}}, nullptr, line, true};
    ByteReader in{input};
    std::chrono::nanoseconds now{0};
    while (const auto length = in.u8()) {
        const auto passed = in.u8();
        const auto packet = in.take(*length);
        if (!passed || !packet) break;
        now += std::chrono::milliseconds{*passed};
        track.packet(*packet, now);
        pictures.packet(*packet, now);
        while (line.cursor() < static_cast<std::uint64_t>(now / std::chrono::milliseconds{20})) line.take();
    }
    track.advance(now, true);
    return 0;
}
