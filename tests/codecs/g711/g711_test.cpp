#include "codecs/g711/g711.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "codecs/g711/g711_codec.h"

namespace carillon::codecs::g711 {
namespace {

/// One row of the Recommendation's tables: character signal (as transmitted) and decoder output value.
struct Row {
    std::uint8_t code;
    int value;  // in the table's own unit
};

// G.711 table 2a (mu-law, positive), first row of each segment and the last row. Unit: 1/8159 of the range.
constexpr std::array kMuRows{Row{0x80, 8031}, Row{0x8F, 4191}, Row{0x9F, 2079}, Row{0xAF, 1023}, Row{0xBF, 495},
                             Row{0xCF, 231},  Row{0xDF, 99},   Row{0xEF, 33},   Row{0xFE, 2},    Row{0xFF, 0}};

// G.711 table 1a (A-law, positive), character signals after inversion of the even bits. Unit: 1/4096.
constexpr std::array kARows{Row{0xAA, 4032}, Row{0xA5, 2112}, Row{0xB5, 1056}, Row{0x85, 528},
                            Row{0x95, 264},  Row{0xE5, 132},  Row{0xF5, 66},   Row{0xD5, 1}};

TEST(G711Table2a, MuLawDecoderOutputValues) {
    for (const auto& row : kMuRows) {
        EXPECT_EQ(decode_mu(row.code), row.value * 4) << std::hex << int{row.code};
        EXPECT_EQ(decode_mu(row.code & 0x7F), -row.value * 4) << "table 2b is the mirror";
    }
}

TEST(G711Table1a, ALawDecoderOutputValues) {
    for (const auto& row : kARows) {
        EXPECT_EQ(decode_a(row.code), row.value * 8) << std::hex << int{row.code};
        EXPECT_EQ(decode_a(row.code ^ 0x80), -row.value * 8) << "table 1b is the mirror";
    }
}

TEST(G711Table2a, MuLawDecisionValuesDivideNeighbours) {
    // Decision values x(n) at the segment ends; a sample at x(n) belongs above, one below it does not.
    for (const int decision : {4063, 2015, 991, 479, 223, 95, 31, 1}) {
        const auto above = static_cast<std::int16_t>(decision * 4);
        EXPECT_EQ(encode_mu(above) + 1, encode_mu(static_cast<std::int16_t>(above - 1))) << decision;
    }
}

TEST(G711Table1a, ALawDecisionValuesDivideNeighbours) {
    for (const int decision : {3968, 2048, 1024, 512, 256, 128, 64, 2}) {
        const auto above = static_cast<std::int16_t>(decision * 8);
        const int high = encode_a(above) ^ detail::kAlternateBits;
        const int low = encode_a(static_cast<std::int16_t>(above - 1)) ^ detail::kAlternateBits;
        EXPECT_EQ(high, low + 1) << decision;
    }
}

TEST(G711, EveryCodeSurvivesDecodingAndEncoding) {
    for (int code = 0; code < 256; ++code) {
        const auto octet = static_cast<std::uint8_t>(code);
        EXPECT_EQ(encode_a(decode_a(octet)), octet);
        if (octet == 0x7F) continue;  // mu-law minus zero: decodes to 0, which encodes as plus zero
        EXPECT_EQ(encode_mu(decode_mu(octet)), octet);
    }
}

TEST(G711, EverySampleGetsANearestLevel) {
    for (const auto law : {Law::mu, Law::a}) {
        std::vector<int> levels;
        for (int code = 0; code < 256; ++code) levels.push_back(decode(law, static_cast<std::uint8_t>(code)));
        for (int sample = -32768; sample <= 32767; sample += 7) {
            int best = 1 << 20;
            for (const int level : levels) best = std::min(best, std::abs(level - sample));
            const int error = std::abs(decode(law, encode(law, static_cast<std::int16_t>(sample))) - sample);
            // Between segments of different step the decision value is not the midpoint: a quarter of a step off at
            // most.
            EXPECT_LE(error, best + 1 + std::abs(sample) / 32) << sample;
        }
    }
}

TEST(G711Codec, ConcealmentRepeatsThenFadesToSilence) {
    G711Decoder decoder{Law::mu};
    std::array<std::byte, 160> payload{};  // 0x00: the loudest negative value
    std::array<std::int16_t, 160> frame{};
    ASSERT_EQ(decoder.decode(payload, frame), 160U);
    decoder.conceal(frame);
    EXPECT_LT(frame[0], -30000);
    EXPECT_GT(frame[159], frame[0]);
    for (int i = 0; i < 3; ++i) decoder.conceal(frame);
    EXPECT_EQ(std::accumulate(frame.begin(), frame.end(), 0), 0);
}

TEST(G711Codec, RefusesWhatDoesNotFit) {
    G711Decoder decoder{Law::a};
    G711Encoder encoder{Law::a};
    std::array<std::byte, 200> payload{};
    std::array<std::int16_t, 160> frame{};
    EXPECT_EQ(decoder.decode(payload, frame), 0U);
    EXPECT_EQ(decoder.decode({}, frame), 0U);
    EXPECT_EQ(encoder.encode(frame, std::span{payload}.first(100)), 0U);
}

}  // namespace
}  // namespace carillon::codecs::g711
