/// All of G.711: every sample and every code, against tables built from the Recommendation and against FFmpeg's.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <numeric>

#include "codecs/comfort_noise/comfort_noise.h"
#include "codecs/g711/g711.h"
#include "tests/codecs/peers/peer.h"

namespace carillon::codecs::g711 {
namespace {

using codecs::test::Peer;

/// Tables 1a and 2a: decision values by interval, the last one the virtual upper end, and the value for each interval,
/// in the table's unit.
struct Table {
    std::vector<int> decisions{0};
    std::vector<int> values;
    int unit = 1;  // in 16-bit samples
};

Table mu_law() {
    Table out{.values = {0}, .unit = 4};
    out.decisions.push_back(1);
    for (int step = 2; step <= 256; step *= 2)
        for (int i = 0; i < (step == 2 ? 15 : 16); ++i) {
            out.values.push_back(out.decisions.back() + step / 2);
            out.decisions.push_back(out.decisions.back() + step);
        }
    return out;
}

Table a_law() {
    Table out{.values = {}, .unit = 8};
    for (int step = 2; step <= 128; step *= 2)
        for (int i = 0; i < (step == 2 ? 32 : 16); ++i) {
            out.values.push_back(out.decisions.back() + step / 2);
            out.decisions.push_back(out.decisions.back() + step);
        }
    return out;
}

int interval_of(const Table& table, int magnitude) {
    const auto above = std::upper_bound(table.decisions.begin(), table.decisions.end(), magnitude / table.unit);
    return std::min(static_cast<int>(above - table.decisions.begin()) - 1, 127);
}

TEST(G711WholeTable, HasTheEndsThatTheRecommendationGives) {
    EXPECT_EQ(mu_law().decisions.back(), 8159);
    EXPECT_EQ(mu_law().values.back(), 8031);
    EXPECT_EQ(mu_law().values.size(), 128U);
    EXPECT_EQ(a_law().decisions.back(), 4096);
    EXPECT_EQ(a_law().values.back(), 4032);
    EXPECT_EQ(a_law().values.size(), 128U);
}

TEST(G711WholeTable, EverySampleHasTheCodeOfItsInterval) {
    const auto mu = mu_law(), a = a_law();
    for (int sample = -32768; sample <= 32767; ++sample) {
        const auto value = static_cast<std::int16_t>(sample);
        const int mu_code = (sample < 0 ? 0x7F : 0xFF) - interval_of(mu, std::abs(sample));
        ASSERT_EQ(encode_mu(value), mu_code) << sample;
        // A-law has no zero: what lies on a decision value belongs to the interval above it, below 0 too (tables 1a,
        // 1b).
        const int a_code = ((sample < 0 ? 0 : 0x80) | interval_of(a, sample < 0 ? -sample - 1 : sample)) ^ 0x55;
        ASSERT_EQ(encode_a(value), a_code) << sample;
    }
}

TEST(G711WholeTable, EveryCodeHasTheValueOfItsInterval) {
    const auto mu = mu_law(), a = a_law();
    for (int code = 0; code < 256; ++code) {
        const auto octet = static_cast<std::uint8_t>(code);
        const int mu_value = mu.values[static_cast<std::size_t>(~code & 0x7F)] * 4;
        ASSERT_EQ(decode_mu(octet), code & 0x80 ? mu_value : -mu_value) << code;
        const int a_value = a.values[static_cast<std::size_t>((code ^ 0x55) & 0x7F)] * 8;
        ASSERT_EQ(decode_a(octet), code & 0x80 ? a_value : -a_value) << code;
    }
}

TEST(G711Peer, FfmpegDecodesEveryCodeToTheSameAndEncodesTheSameButForSamplesOnAnEdge) {
    const Peer peer;
    std::vector<std::int16_t> samples(65536);
    std::iota(samples.begin(), samples.end(), std::int16_t{-32768});
    std::vector<std::uint8_t> codes(256);
    std::iota(codes.begin(), codes.end(), std::uint8_t{0});
    peer.put("samples", samples), peer.put("codes", codes);
    for (const auto& [name, law] : {std::pair{"mulaw", Law::mu}, {"alaw", Law::a}}) {
        const std::string format{name};
        ASSERT_TRUE(peer.ffmpeg("-f " + format + " -ar 8000 -ac 1 -i codes -f s16le values"));
        const auto values = peer.get<std::int16_t>("values");
        ASSERT_EQ(values.size(), 256U);
        for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(decode(law, codes[i]), values[i]) << format << ' ' << i;
        ASSERT_TRUE(peer.ffmpeg("-f s16le -ar 8000 -ac 1 -i samples -f " + format + " made"));
        const auto made = peer.get<std::uint8_t>("made");
        ASSERT_EQ(made.size(), 65536U);
        unsigned other = 0;
        for (std::size_t i = 0; i < made.size(); ++i) {
            if (encode(law, samples[i]) == made[i]) continue;
            ++other;
            // It rounds to 14 bits first, and divides at the middle between values.
            const int ours = decode(law, encode(law, samples[i])), theirs = decode(law, made[i]);
            const int error = std::abs(ours - samples[i]), others = std::abs(theirs - samples[i]);
            EXPECT_LE(std::abs(error - others), std::abs(samples[i]) / 32 + 8) << format << ' ' << samples[i];
        }
        EXPECT_LT(other, 65536U / 20) << format;
    }
}

TEST(Rfc3389S3ComfortNoise, EveryLevelIsMadeAtItsLevel) {
    for (unsigned level = 3; level <= 75; ++level) {
        ComfortNoise noise;
        const std::array octets{static_cast<std::byte>(level)};
        noise.describe(*NoiseDescription::parse(octets));
        std::vector<std::int16_t> sound(16000);
        noise.make(sound);
        EXPECT_NEAR(level_of(sound), level, level < 6 ? 2 : 1) << level;  // the loudest is clipped
    }
}

}  // namespace
}  // namespace carillon::codecs::g711
