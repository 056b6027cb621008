/// G.722 octet by octet and sample by sample against FFmpeg's, and against ITU-T's own vectors where somebody has them.
#include "codecs/g722/g722_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "tests/codecs/peers/peer.h"

namespace carillon::codecs::g722 {
namespace {

using codecs::test::Peer;
using Octets = std::vector<std::uint8_t>;
using Sound = std::vector<std::int16_t>;

/// Four seconds: a sweep up to 7.5 kHz, noise of rising level up to overload, a voice-like buzz, silence, full-scale
/// steps.
Sound everything() {
    Sound out;
    std::mt19937 random{1};
    double phase = 0;
    for (int i = 0; i < 16000; ++i) {
        phase += 2 * M_PI * (50 + 7450.0 * i / 16000) / 16000;
        out.push_back(static_cast<std::int16_t>(20'000 * std::sin(phase)));
    }
    for (int i = 0; i < 16000; ++i) {
        const auto loud = static_cast<std::int32_t>(2 + 65'534.0 * i / 16000);
        out.push_back(
            static_cast<std::int16_t>(static_cast<std::int32_t>(random() % static_cast<unsigned>(loud)) - loud / 2));
    }
    for (int i = 0; i < 16000; ++i)
        out.push_back(
            static_cast<std::int16_t>(9000 * std::pow(std::sin(M_PI * i / 16000 * 130), 15) * std::sin(i / 900.0)));
    out.insert(out.end(), 4000, 0);
    for (int i = 0; i < 12000; ++i) out.push_back(i / 100 % 2 ? 32767 : -32768);
    return out;
}

Octets encoded(const Sound& sound) {
    G722Encoder encoder;
    Octets out(sound.size() / 2);
    for (std::size_t at = 0; at < sound.size(); at += 320) {
        const auto frame = Samples{sound}.subspan(at, std::min<std::size_t>(320, sound.size() - at));
        EXPECT_EQ(encoder.encode(frame, std::as_writable_bytes(std::span{out}.subspan(at / 2, frame.size() / 2))),
                  frame.size() / 2);
    }
    return out;
}

Sound decoded(const Octets& octets) {
    G722Decoder decoder;
    Sound out(octets.size() * 2);
    for (std::size_t at = 0; at < octets.size(); at += 160) {
        const auto frame = std::as_bytes(std::span{octets}.subspan(at, std::min<std::size_t>(160, octets.size() - at)));
        EXPECT_EQ(decoder.decode(frame, std::span{out}.subspan(at * 2, frame.size() * 2)), frame.size() * 2);
    }
    return out;
}

TEST(G722Peer, EncodesWhatFfmpegEncodesOctetByOctet) {
    const Peer peer;
    const auto sound = everything();
    peer.put("in.raw", sound);
    ASSERT_TRUE(peer.ffmpeg("-f s16le -ar 16000 -ac 1 -i in.raw -c:a g722 -f g722 out.g722"));
    const auto theirs = peer.get<std::uint8_t>("out.g722");
    ASSERT_EQ(theirs.size(), sound.size() / 2);
    EXPECT_EQ(encoded(sound), theirs);
}

TEST(G722Peer, DecodesWhatFfmpegDecodesSampleBySample) {
    const Peer peer;
    auto octets = encoded(everything());
    std::mt19937 random{2};
    for (int i = 0; i < 16000; ++i)
        octets.push_back(static_cast<std::uint8_t>(random()));  // beyond full scale at times
    peer.put("in.g722", octets);
    ASSERT_TRUE(peer.ffmpeg("-f g722 -i in.g722 -f s16le out.raw"));
    const auto theirs = peer.get<std::int16_t>("out.raw");
    ASSERT_EQ(theirs.size(), octets.size() * 2);
    EXPECT_EQ(decoded(octets), theirs);
}

/// The vectors of the ITU-T Software Tool Library (Recommendation G.191), which is not ours to give away:
/// CARILLON_G722_VECTORS names the folder src/g722/test_data of a copy (github.com/openitu/STL).
TEST(G722Vectors, ThoseOfItuTAreMetBitByBit) {
    const char* folder = std::getenv("CARILLON_G722_VECTORS");
    if (!folder) GTEST_SKIP() << "CARILLON_G722_VECTORS is not set";
    const std::string at{folder};
    const auto words = Peer::read<std::uint16_t>(at + "/codspw.cod");
    ASSERT_EQ(words.size(), 48'768U);
    const Octets codes{words.begin(), words.end()};
    EXPECT_EQ(encoded(Peer::read<std::int16_t>(at + "/inpsp.bin")), codes);
    EXPECT_EQ(decoded(codes), Peer::read<std::int16_t>(at + "/outsp1.bin")) << "mode 1, 64 kbit/s";
}

}  // namespace
}  // namespace carillon::codecs::g722
