#include "codecs/audio_codec.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "codecs/g711/g711_codec.h"
#include "codecs/opus/opus_codec.h"

namespace carillon::codecs {
namespace {

constexpr std::array<AudioFormat, 3> kFormats{{
    {"PCMU", 8000, 8000, 1},    // RFC 3551 §4.5.14
    {"PCMA", 8000, 8000, 1},    // RFC 3551 §4.5.14
    {"opus", 48000, 48000, 2},  // RFC 7587 §4.1: always 48000 and 2 on the wire
}};

bool same_letters(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b,
                              [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

const AudioFormat& format_of(AudioCodec codec) { return kFormats[static_cast<std::size_t>(codec)]; }

std::optional<AudioCodec> codec_named(std::string_view encoding_name) {
    for (const auto codec : {AudioCodec::pcmu, AudioCodec::pcma, AudioCodec::opus}) {
        if (same_letters(format_of(codec).encoding_name, encoding_name)) return codec;
    }
    return std::nullopt;
}

std::unique_ptr<Encoder> make_encoder(AudioCodec codec) {
    switch (codec) {
        case AudioCodec::pcmu:
            return std::make_unique<g711::G711Encoder>(g711::Law::mu);
        case AudioCodec::pcma:
            return std::make_unique<g711::G711Encoder>(g711::Law::a);
        case AudioCodec::opus:
            return std::make_unique<opus::OpusEncoder>();
    }
    return nullptr;
}

std::unique_ptr<Decoder> make_decoder(AudioCodec codec) {
    switch (codec) {
        case AudioCodec::pcmu:
            return std::make_unique<g711::G711Decoder>(g711::Law::mu);
        case AudioCodec::pcma:
            return std::make_unique<g711::G711Decoder>(g711::Law::a);
        case AudioCodec::opus:
            return std::make_unique<opus::OpusDecoder>();
    }
    return nullptr;
}

}  // namespace carillon::codecs
