#include "codecs/audio_codec.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "codecs/g711/g711_codec.h"
#include "codecs/g722/g722_codec.h"
#include "codecs/l16/l16_codec.h"
#include "codecs/opus/opus_codec.h"

namespace carillon::codecs {
namespace {

constexpr std::array<AudioFormat, kAudioCodecs> kFormats{{
    {"PCMU", 8000, 8000, 1},    // RFC 3551 §4.5.14
    {"PCMA", 8000, 8000, 1},    // RFC 3551 §4.5.14
    {"opus", 48000, 48000, 2},  // RFC 7587 §4.1: always 48000 and 2 on the wire
    {"G722", 16000, 8000, 1},   // RFC 3551 §4.5.2: an old mistake about the clock, kept
    {"L16", 16000, 16000, 1},   // RFC 3551 §4.5.11; at other rates under dynamic types
}};

bool same_letters(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

const AudioFormat& format_of(AudioCodec codec) { return kFormats[static_cast<std::size_t>(codec)]; }

std::optional<AudioCodec> codec_named(std::string_view encoding_name) {
    for (std::size_t i = 0; i < kAudioCodecs; ++i) {
        const auto codec = static_cast<AudioCodec>(i);
        if (same_letters(format_of(codec).encoding_name, encoding_name)) return codec;
    }
    return std::nullopt;
}

std::unique_ptr<Encoder> make_encoder(AudioCodec codec, const CodecOptions& options) {
    switch (codec) {
        case AudioCodec::pcmu:
            return std::make_unique<g711::G711Encoder>(g711::Law::mu);
        case AudioCodec::pcma:
            return std::make_unique<g711::G711Encoder>(g711::Law::a);
        case AudioCodec::opus:
            return std::make_unique<opus::OpusEncoder>(options);
        case AudioCodec::g722:
            return std::make_unique<g722::G722Encoder>();
        case AudioCodec::l16:
            return std::make_unique<l16::L16Encoder>();
    }
    return nullptr;
}

std::unique_ptr<Decoder> make_decoder(AudioCodec codec, const CodecOptions& options) {
    switch (codec) {
        case AudioCodec::pcmu:
            return std::make_unique<g711::G711Decoder>(g711::Law::mu);
        case AudioCodec::pcma:
            return std::make_unique<g711::G711Decoder>(g711::Law::a);
        case AudioCodec::opus:
            return std::make_unique<opus::OpusDecoder>(options);
        case AudioCodec::g722:
            return std::make_unique<g722::G722Decoder>();
        case AudioCodec::l16:
            return std::make_unique<l16::L16Decoder>();
    }
    return nullptr;
}

}  // namespace carillon::codecs
