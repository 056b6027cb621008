/// AES-GCM by the processor's instructions: published vectors, and OpenSSL as the oracle.
#include "media/srtp/packet_gcm.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "media/srtp/packet_cipher.h"

namespace carillon::srtp {
namespace {

using Octets = std::vector<std::byte>;

Octets hex(std::string_view text) {
    Octets out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out.push_back(static_cast<std::byte>(std::stoi(std::string{text.substr(i, 2)}, nullptr, 16)));
    return out;
}

PacketGcm::Iv iv_of(std::string_view text) {
    PacketGcm::Iv iv{};
    const auto octets = hex(text);
    std::memcpy(iv.data(), octets.data(), iv.size());
    return iv;
}

/// The test cases of the GCM specification (McGrew, Viega, appendix B), numbered as there.
struct Vector {
    int number;
    std::string_view key, iv, plain, associated, cipher, tag;
};
constexpr std::string_view kPlain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
    "ba637b391aafd255";
constexpr std::string_view kAssociated = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
constexpr std::array kVectors{
    Vector{1, "00000000000000000000000000000000", "000000000000000000000000", "", "", "",
           "58e2fccefa7e3061367f1d57a4e7455a"},
    Vector{2, "00000000000000000000000000000000", "000000000000000000000000", "00000000000000000000000000000000", "",
           "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"},
    Vector{
        3, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", kPlain, "",
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0a"
        "ac973d58e091473f5985",
        "4d5c2af327cd64a62cf35abd2ba6fab4"},
    Vector{
        4, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", kPlain.substr(0, 120), kAssociated,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0a"
        "ac973d58e091",
        "5bc94fbc3221a5db94fae95ae7121a47"},
    Vector{
        16, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
        kPlain.substr(0, 120), kAssociated,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba"
        "7a0abcc9f662",
        "76fc6ece0f4e1768cddf8853bb2d551b"},
};

class Sp800S38D : public testing::Test {
  protected:
    void SetUp() override {
        if (!PacketGcm::supported()) GTEST_SKIP() << "this processor lacks the instructions";
    }
};

TEST_F(Sp800S38D, PublishedVectors) {
    for (const auto& vector : kVectors) {
        const PacketGcm gcm{hex(vector.key)};
        const auto associated = hex(vector.associated);
        auto data = hex(vector.plain);
        Octets tag(PacketGcm::kTag);
        gcm.seal(iv_of(vector.iv), associated, {}, data, tag.data());
        EXPECT_EQ(data, hex(vector.cipher)) << vector.number;
        EXPECT_EQ(tag, hex(vector.tag)) << vector.number;
        ASSERT_TRUE(gcm.open(iv_of(vector.iv), associated, {}, data, tag.data())) << vector.number;
        EXPECT_EQ(data, hex(vector.plain)) << vector.number;
    }
}

/// Of every length around the blocks' bounds, with both kinds of associated data and both key lengths.
TEST_F(Sp800S38D, DoesWhatOpensslDoes) {
    std::mt19937 random{5};
    const auto fill = [&](auto octets) {
        for (auto& each : octets) each = static_cast<std::byte>(random());
    };
    for (std::size_t size = 0; size < 700; size = size < 300 ? size + 1 : size + 37) {
        SessionKeys keys;
        fill(std::span{keys.cipher});
        fill(std::span{keys.salt});
        const std::size_t length = size % 2 == 0 ? 16 : 32;
        const bool rtcp = size % 3 == 0;
        Octets first(12 + random() % 90), second(rtcp ? 4 : 0), data(size);
        fill(std::span{first});
        fill(std::span{second});
        fill(std::span{data});
        const PacketId id{.ssrc = static_cast<std::uint32_t>(random()), .index = random()};
        const auto seal = [&](GaloisMode::Means means, Octets& packet, Octets& tag) {
            GaloisMode mode{keys, length, Direction::outbound, means};
            ASSERT_TRUE(mode.seal(id, rtcp, first, second, packet, tag.data()));
        };
        auto mine = data, theirs = data;
        Octets my_tag(16), their_tag(16);
        seal(GaloisMode::Means::fastest, mine, my_tag);
        seal(GaloisMode::Means::openssl, theirs, their_tag);
        ASSERT_EQ(mine, theirs) << size;
        ASSERT_EQ(my_tag, their_tag) << size;
        for (const auto means : {GaloisMode::Means::fastest, GaloisMode::Means::openssl}) {
            GaloisMode mode{keys, length, Direction::inbound, means};
            auto packet = mine;
            ASSERT_TRUE(mode.open(id, rtcp, first, second, packet, my_tag.data())) << size;
            ASSERT_EQ(packet, data) << size;
        }
    }
}

TEST_F(Sp800S38D, WhatIsForgedIsRefusedAndLeftAsItWas) {
    const PacketGcm gcm{hex("feffe9928665731c6d6a8f9467308308")};
    const PacketGcm::Iv iv{};
    const Octets header(12, std::byte{1});
    Octets data(160, std::byte{2});
    Octets tag(16);
    gcm.seal(iv, header, {}, data, tag.data());
    const auto refuses = [&](Octets about, Octets packet, Octets proof, PacketGcm::Iv with) {
        const auto before = packet;
        return !gcm.open(with, about, {}, packet, proof.data()) && packet == before;
    };
    const auto flipped = [](Octets octets, std::size_t bit) {
        octets[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        return octets;
    };
    for (std::size_t bit = 0; bit < 8 * tag.size(); ++bit) EXPECT_TRUE(refuses(header, data, flipped(tag, bit), iv));
    for (std::size_t bit = 0; bit < 8 * data.size(); ++bit) EXPECT_TRUE(refuses(header, flipped(data, bit), tag, iv));
    for (std::size_t bit = 0; bit < 8 * header.size(); ++bit) EXPECT_TRUE(refuses(flipped(header, bit), data, tag, iv));
    EXPECT_TRUE(refuses(header, data, tag, {1}));
    EXPECT_TRUE(gcm.open(iv, header, {}, data, tag.data()));
}

}  // namespace
}  // namespace carillon::srtp
