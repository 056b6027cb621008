#include "media/srtp/srtp_session.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/media/srtp/pcapng.h"

namespace carillon::srtp {
namespace {

std::vector<std::byte> base64(std::string_view text) {
    static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<std::byte> out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        bits = (bits << 6) | static_cast<std::uint32_t>(kAlphabet.find(c));
        count += 6;
        if (count >= 8) out.push_back(static_cast<std::byte>(bits >> (count -= 8)));
    }
    return out;
}

std::vector<std::byte> key_for(Profile profile) {
    const auto [key, salt] = lengths_of(profile);
    std::vector<std::byte> material(key + salt);
    for (std::size_t i = 0; i < material.size(); ++i) material[i] = static_cast<std::byte>(i * 7 + 1);
    return material;
}

std::vector<std::byte> rtp_packet(std::uint16_t sequence, std::size_t payload = 20) {
    ByteWriter out;
    out.u8(0x80);
    out.u8(111);
    out.u16(sequence);
    out.u32(1000);
    out.u32(0xCAFEBABE);
    for (std::size_t i = 0; i < payload; ++i) out.u8(static_cast<std::uint8_t>(i));
    return out.release();
}

std::vector<std::byte> protect(Session& session, std::vector<std::byte> packet) {
    const auto length = packet.size();
    packet.resize(length + kMaxOverhead);
    const auto size = session.protect_rtp(packet, length);
    EXPECT_TRUE(size);
    packet.resize(size.value_or(0));
    return packet;
}

struct Decrypted {
    int seen = 0;
    int good = 0;
};

Decrypted decrypt_capture(const char* file, std::uint32_t ssrc, std::string_view key) {
    auto session = Session::create(Profile::aes128_cm_sha1_80, base64(key), Direction::inbound);
    EXPECT_TRUE(session);
    Decrypted result;
    for (auto& packet : test::udp_payloads(std::string{CARILLON_TEST_DATA "/"} + file)) {
        const bool rtp = packet.size() >= 12 && (packet[0] >> 6) == std::byte{2} &&
                         !(packet[1] >= std::byte{192} && packet[1] <= std::byte{223});  // RFC 5761 §4
        if (!rtp || load_u32(&packet[8]) != ssrc) continue;
        ++result.seen;
        result.good += session->unprotect_rtp(packet).has_value();
    }
    return result;
}

TEST(Rfc3711, RealOpusCallDecrypts) {
    const auto result =
        decrypt_capture("webrtc-opus-srtp.pcap", 0x20C23467, "FfLxRxclZ/lNM/g5MNSZgmvAUzR/pgSIVyOHUHji");
    EXPECT_EQ(result.seen, 501);
    EXPECT_EQ(result.good, 501);
}

TEST(Rfc3711, RealPcmaCallDecryptsBothWays) {
    const auto there = decrypt_capture("webrtc-pcma-srtp.pcap", 0xD092D296, "7SYMKhu8sVMhCr4VXh+ZqkteB01QgqDSgLr4L9iU");
    EXPECT_EQ(there.seen, 259);
    EXPECT_EQ(there.good, 259);
    const auto back = decrypt_capture("webrtc-pcma-srtp.pcap", 0x522B93AB, "bhn3DDDcf7GhHEnFkGLW9V223XncT60nJrTQK06x");
    EXPECT_EQ(back.seen, 227);
    EXPECT_EQ(back.good, 227);
}

TEST(Rfc3711, TheWrongKeyOpensNothing) {
    EXPECT_EQ(decrypt_capture("webrtc-pcma-srtp.pcap", 0xD092D296, "bhn3DDDcf7GhHEnFkGLW9V223XncT60nJrTQK06x").good, 0);
}

class EveryProfile : public testing::TestWithParam<Profile> {};

TEST_P(EveryProfile, ProtectsAndOpensRtpAndRtcp) {
    auto out = Session::create(GetParam(), key_for(GetParam()), Direction::outbound);
    auto in = Session::create(GetParam(), key_for(GetParam()), Direction::inbound);
    ASSERT_TRUE(out && in);
    const auto plain = rtp_packet(1);
    auto packet = protect(*out, plain);
    EXPECT_NE(packet, plain);
    const auto size = in->unprotect_rtp(packet);
    ASSERT_TRUE(size);
    packet.resize(*size);
    EXPECT_EQ(packet, plain);

    std::vector<std::byte> report(8 + kMaxOverhead);
    report[0] = std::byte{0x80};
    report[1] = std::byte{201};
    report[3] = std::byte{1};
    const auto sealed = out->protect_rtcp(report, 8);
    ASSERT_TRUE(sealed);
    const auto opened = in->unprotect_rtcp(std::span{report}.first(*sealed));
    ASSERT_TRUE(opened);
    EXPECT_EQ(*opened, 8U);
}

TEST_P(EveryProfile, RefusesForgeriesAndReplays) {
    auto out = Session::create(GetParam(), key_for(GetParam()), Direction::outbound);
    auto in = Session::create(GetParam(), key_for(GetParam()), Direction::inbound);
    ASSERT_TRUE(out && in);
    const auto sealed = protect(*out, rtp_packet(1));
    auto forged = sealed;
    forged[14] ^= std::byte{1};
    EXPECT_EQ(in->unprotect_rtp(forged).error(), Errc::bad_integrity);
    auto good = sealed;
    EXPECT_TRUE(in->unprotect_rtp(good));
    auto again = sealed;
    EXPECT_EQ(in->unprotect_rtp(again).error(), Errc::bad_value);
    EXPECT_FALSE(in->unprotect_rtp(std::span{again}.first(5)));
}

INSTANTIATE_TEST_SUITE_P(Profiles, EveryProfile,
                         testing::Values(Profile::aes128_cm_sha1_80, Profile::aes128_cm_sha1_32,
                                         Profile::aead_aes_128_gcm, Profile::aead_aes_256_gcm));

TEST(Rfc3711S3p3p1, TheRolloverCounterFollowsTheSequenceNumber) {
    const auto profile = Profile::aes128_cm_sha1_80;
    auto out = Session::create(profile, key_for(profile), Direction::outbound);
    auto in = Session::create(profile, key_for(profile), Direction::inbound);
    ASSERT_TRUE(out && in);
    // Three times round: 65536 packets each, only every 251st is carried, as a lossy path would.
    for (std::uint32_t number = 1; number < 3 * 65536; number += 251) {
        auto packet = protect(*out, rtp_packet(static_cast<std::uint16_t>(number)));
        ASSERT_TRUE(in->unprotect_rtp(packet)) << number;
    }
    // A receiver that joins after the rollover cannot know the counter: nothing authenticates (§3.3.1).
    auto late = Session::create(profile, key_for(profile), Direction::inbound);
    auto packet = protect(*out, rtp_packet(40));
    EXPECT_EQ(late->unprotect_rtp(packet).error(), Errc::bad_integrity);
}

TEST(SrtpSession, RefusesKeysOfTheWrongLength) {
    EXPECT_FALSE(Session::create(Profile::aes128_cm_sha1_80, std::vector<std::byte>(29), Direction::inbound));
}

}  // namespace
}  // namespace carillon::srtp
