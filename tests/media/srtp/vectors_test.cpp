/// Published vectors of key derivation and packet ciphers.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "media/srtp/key_derivation.h"
#include "media/srtp/packet_cipher.h"

namespace carillon::srtp {
namespace {

std::vector<std::byte> hex(std::string_view text) {
    std::vector<std::byte> out;
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return out;
}

SessionKeys session(std::string_view cipher, std::string_view salt) {
    SessionKeys keys;
    const auto k = hex(cipher);
    const auto s = hex(salt);
    std::copy(k.begin(), k.end(), keys.cipher.begin());
    std::copy(s.begin(), s.end(), keys.salt.begin());
    return keys;
}

template <class Array>
std::vector<std::byte> first(const Array& from, std::size_t count) {
    return {from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count)};
}

constexpr std::string_view kKey128 = "000102030405060708090a0b0c0d0e0f";
constexpr std::string_view kKey256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr std::string_view kSalt = "517569642070726f2071756f";
constexpr std::string_view kRtpHeader = "8040f17b 8041f8d3 5501a0b2";
constexpr std::string_view kRtpPayload =
    "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";

TEST(Rfc3711AppendixB2, KeystreamOfCounterMode) {
    CounterMode mode{session("2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), 16};
    std::vector<std::byte> zeros(48);
    ASSERT_TRUE(mode.crypt({0, 0}, zeros));
    EXPECT_EQ(zeros, hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB "
                         "41E95B3BB0A2E8DD477901E4FCA894C0"));
}

TEST(Rfc3711AppendixB3, KeyDerivation) {
    const auto keys =
        derive_keys(Profile::aes128_cm_sha1_80, hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6"));
    ASSERT_TRUE(keys);
    EXPECT_EQ(first(keys->rtp.cipher, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    EXPECT_EQ(first(keys->rtp.salt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    EXPECT_EQ(first(keys->rtp.auth, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

std::vector<std::byte> sealed_rtp(std::string_view key, std::size_t length) {
    GaloisMode mode{session(key, kSalt), length, Direction::outbound};
    const auto header = hex(kRtpHeader);
    auto body = hex(kRtpPayload);
    std::array<std::byte, 16> tag{};
    EXPECT_TRUE(mode.seal({0x5501a0b2, 0xf17b}, false, header, {}, body, tag.data()));
    body.insert(body.end(), tag.begin(), tag.end());
    return body;
}

TEST(Rfc7714S16p1, Aes128GcmEncryption) {
    EXPECT_EQ(sealed_rtp(kKey128, 16), hex("f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b "
                                           "36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce"));
}

TEST(Rfc7714S16p2, Aes256GcmEncryption) {
    EXPECT_EQ(sealed_rtp(kKey256, 32), hex("32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f "
                                           "1ba63799 b87b 7aa3db36 dfffd6b0 f9bb7878 d7a76c13"));
}

TEST(Rfc7714S17p1, SrtcpUnderAes128Gcm) {
    GaloisMode mode{session(kKey128, kSalt), 16, Direction::outbound};
    const auto header = hex("81c8000d 4d617273");
    const auto trailer = hex("800005d4");
    auto body =
        hex("4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef");
    std::array<std::byte, 16> tag{};
    ASSERT_TRUE(mode.seal({0x4d617273, 0x5d4}, true, header, trailer, body, tag.data()));
    EXPECT_EQ(body, hex("63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded "
                        "0bb9275b"));
    EXPECT_EQ(first(tag, 16), hex("c84aa458 96cf4d2f c5abf872 45d9eade"));
}

}  // namespace
}  // namespace carillon::srtp
