/// OpenSSL's side against libsrtp, packet for packet, both ways: across roll-over, loss, reordering and replay.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "media/srtp/evp_transform.h"
#include "media/srtp/libsrtp_transform.h"
#include "media/srtp/srtp_session.h"

namespace carillon::srtp {
namespace {

using Packet = std::vector<std::byte>;

std::vector<MasterKey> keys_for(Profile profile, std::size_t count = 1, std::size_t mki = 0) {
    const auto [key, salt] = lengths_of(profile);
    std::vector<MasterKey> keys(count);
    for (std::size_t k = 0; k < count; ++k) {
        for (std::size_t i = 0; i < key + salt; ++i)
            keys[k].key_and_salt.push_back(static_cast<std::byte>(i * 7 + 1 + 31 * k));
        for (std::size_t i = 0; i < mki; ++i) keys[k].mki.push_back(static_cast<std::byte>(k + 1));
    }
    return keys;
}

/// Every other packet with a CSRC, every third with a header extension.
Packet rtp(std::uint32_t ssrc, std::uint16_t sequence, std::size_t payload) {
    ByteWriter out;
    const bool csrc = sequence % 2 == 0;
    const bool extension = sequence % 3 == 0;
    out.u8(static_cast<std::uint8_t>(0x80 | (extension ? 0x10 : 0) | (csrc ? 1 : 0)));
    out.u8(111), out.u16(sequence), out.u32(960u * sequence), out.u32(ssrc);
    if (csrc) out.u32(77);
    if (extension) out.u16(0xBEDE), out.u16(1), out.u32(0x10FF0000);
    for (std::size_t i = 0; i < payload; ++i) out.u8(static_cast<std::uint8_t>(i ^ sequence));
    return out.release();
}

Packet rtcp(std::uint32_t ssrc, std::uint32_t salt) {
    ByteWriter out;
    out.u8(0x80), out.u8(200), out.u16(6), out.u32(ssrc);
    for (int i = 0; i < 5; ++i) out.u32(salt + static_cast<std::uint32_t>(i));
    return out.release();
}

template <class Operation>
Packet sealed(Transform& by, Operation operation, Packet packet) {
    const auto length = packet.size();
    packet.resize(length + kMaxOverhead);
    const auto size = (by.*operation)(packet, length);
    EXPECT_TRUE(size);
    packet.resize(size.value_or(0));
    return packet;
}

struct Opened {
    std::optional<Errc> error;
    Packet packet;
    friend bool operator==(const Opened&, const Opened&) = default;
};

template <class Operation>
Opened opened(Transform& by, Operation operation, Packet packet) {
    const auto size = (by.*operation)(packet);
    if (!size) return {size.error(), {}};
    packet.resize(*size);
    return {std::nullopt, packet};
}

struct Pair {
    std::unique_ptr<Transform> evp, oracle;
};
Pair pair_of(Profile profile, std::span<const MasterKey> keys, Direction direction) {
    return {std::move(*make_evp_transform(profile, keys, direction)),
            std::move(*make_libsrtp_transform(profile, keys, direction))};
}

class AgainstLibsrtp : public testing::TestWithParam<Profile> {};

TEST_P(AgainstLibsrtp, ProtectsTheSameOctets) {
    const auto keys = keys_for(GetParam());
    auto out = pair_of(GetParam(), keys, Direction::outbound);
    // Three SSRCs take turns; sequence numbers start near the end, so each rolls over twice.
    for (std::uint32_t i = 0; i < 3 * 1200; ++i) {
        const auto ssrc = 0x1000 + i % 3;
        const auto sequence = static_cast<std::uint16_t>(65'000 + (i / 3) * 110);
        const auto plain = rtp(ssrc, sequence, 1 + i % 200);
        ASSERT_EQ(sealed(*out.evp, &Transform::protect_rtp, plain), sealed(*out.oracle, &Transform::protect_rtp, plain))
            << i;
        if (i % 50 == 0) {
            const auto report = rtcp(ssrc, i);
            ASSERT_EQ(sealed(*out.evp, &Transform::protect_rtcp, report),
                      sealed(*out.oracle, &Transform::protect_rtcp, report));
        }
    }
}

TEST_P(AgainstLibsrtp, JudgesALossyDisorderedReplayedForgedStreamAlike) {
    const auto keys = keys_for(GetParam());
    auto sender = std::move(*make_libsrtp_transform(GetParam(), keys, Direction::outbound));
    auto in = pair_of(GetParam(), keys, Direction::inbound);
    std::mt19937 random{7};
    std::vector<Packet> past;
    std::size_t good = 0, bad = 0;
    std::vector<Packet> batch;
    for (std::uint32_t i = 0; i < 140'000; ++i) {
        const auto plain = rtp(9, static_cast<std::uint16_t>(60'000 + i), 20);
        auto packet = sealed(*sender, &Transform::protect_rtp, plain);
        if (random() % 10 != 0) continue;  // nine of ten are lost: two roll-overs in a moment
        batch.push_back(packet);
        if (random() % 4 == 0) batch.push_back(packet);  // twice
        if (random() % 8 == 0) {
            packet[12 + random() % 20] ^= std::byte{1};
            batch.push_back(packet);
        }
        if (!past.empty() && random() % 8 == 0) batch.push_back(past[random() % past.size()]);
        if (past.size() < 500) past.push_back(batch.back());
        if (batch.size() < 8) continue;
        std::ranges::shuffle(batch, random);
        for (const auto& each : batch) {
            const auto ours = opened(*in.evp, &Transform::unprotect_rtp, each);
            ASSERT_EQ(ours, opened(*in.oracle, &Transform::unprotect_rtp, each)) << i;
            ++(ours.error ? bad : good);
        }
        batch.clear();
    }
    EXPECT_GT(good, 10'000U);
    EXPECT_GT(bad, 3'000U);
}

TEST_P(AgainstLibsrtp, OpensEachOthersReports) {
    const auto keys = keys_for(GetParam());
    auto out = pair_of(GetParam(), keys, Direction::outbound);
    auto in = pair_of(GetParam(), keys, Direction::inbound);
    for (std::uint32_t i = 0; i < 300; ++i) {
        const auto plain = rtcp(i % 5, i);
        const auto a = sealed(*out.oracle, &Transform::protect_rtcp, plain);
        EXPECT_EQ(sealed(*out.evp, &Transform::protect_rtcp, plain), a);
        EXPECT_EQ(opened(*in.evp, &Transform::unprotect_rtcp, a).packet, plain);
        EXPECT_EQ(opened(*in.evp, &Transform::unprotect_rtcp, a).error, Errc::bad_value);
        EXPECT_EQ(opened(*in.oracle, &Transform::unprotect_rtcp, a).packet, plain);
    }
}

TEST_P(AgainstLibsrtp, ChoosesAmongMasterKeysByMki) {
    const auto keys = keys_for(GetParam(), 2, 4);
    auto out = pair_of(GetParam(), keys, Direction::outbound);
    auto in = std::move(*make_evp_transform(GetParam(), keys, Direction::inbound));
    const auto plain = rtp(3, 1, 50);
    const auto packet = sealed(*out.evp, &Transform::protect_rtp, plain);
    EXPECT_EQ(packet, sealed(*out.oracle, &Transform::protect_rtp, plain));
    EXPECT_EQ(opened(*in, &Transform::unprotect_rtp, packet).packet, plain);
    const auto report = rtcp(3, 1);
    const auto sealed_report = sealed(*out.evp, &Transform::protect_rtcp, report);
    EXPECT_EQ(sealed_report, sealed(*out.oracle, &Transform::protect_rtcp, report));
    EXPECT_EQ(opened(*in, &Transform::unprotect_rtcp, sealed_report).packet, report);
    // The sender goes over to its second key; the roll-over counter stays.
    const std::vector<MasterKey> second{keys[1]};
    auto later = std::move(*make_evp_transform(GetParam(), second, Direction::outbound));
    EXPECT_EQ(opened(*in, &Transform::unprotect_rtp, sealed(*later, &Transform::protect_rtp, rtp(3, 2, 50))).packet,
              rtp(3, 2, 50));
    auto foreign = keys_for(GetParam(), 1, 4);
    foreign[0].mki.assign(4, std::byte{9});
    auto stranger = std::move(*make_evp_transform(GetParam(), foreign, Direction::outbound));
    EXPECT_EQ(opened(*in, &Transform::unprotect_rtp, sealed(*stranger, &Transform::protect_rtp, rtp(3, 3, 50))).error,
              Errc::unsupported);
}

TEST_P(AgainstLibsrtp, GoesOnWhereAPredecessorStood) {
    const auto keys = keys_for(GetParam());
    auto out = std::move(*make_evp_transform(GetParam(), keys, Direction::outbound));
    auto in = std::move(*make_evp_transform(GetParam(), keys, Direction::inbound));
    Packet last;
    for (std::uint32_t i = 0; i < 70'000; i += 100) {
        last = sealed(*out, &Transform::protect_rtp, rtp(5, static_cast<std::uint16_t>(i), 10));
        ASSERT_FALSE(opened(*in, &Transform::unprotect_rtp, last).error);
    }
    auto heir_out = std::move(*make_evp_transform(GetParam(), keys, Direction::outbound));
    auto heir_in = std::move(*make_evp_transform(GetParam(), keys, Direction::inbound));
    for (const auto& state : out->states()) heir_out->restore(state);
    for (const auto& state : in->states()) heir_in->restore(state);
    EXPECT_EQ(opened(*heir_in, &Transform::unprotect_rtp, last).error, Errc::bad_value);
    const auto plain = rtp(5, static_cast<std::uint16_t>(70'000), 10);
    EXPECT_EQ(opened(*heir_in, &Transform::unprotect_rtp, sealed(*heir_out, &Transform::protect_rtp, plain)).packet,
              plain);
}

TEST_P(AgainstLibsrtp, ForgedSsrcsTakeNoPlaceAndProvenOnesAreBounded) {
    const auto keys = keys_for(GetParam());
    auto in = std::move(*make_evp_transform(GetParam(), keys, Direction::inbound));
    for (std::uint32_t ssrc = 0; ssrc < 1000; ++ssrc)
        EXPECT_EQ(opened(*in, &Transform::unprotect_rtp, rtp(ssrc, 2, 60)).error, Errc::bad_integrity);
    EXPECT_TRUE(in->states().empty());
    auto sender = std::move(*make_libsrtp_transform(GetParam(), keys, Direction::outbound));
    for (std::uint32_t ssrc = 0; ssrc < kMaxSsrcs; ++ssrc)
        EXPECT_FALSE(
            opened(*in, &Transform::unprotect_rtp, sealed(*sender, &Transform::protect_rtp, rtp(ssrc, 2, 60))).error);
    EXPECT_EQ(opened(*in, &Transform::unprotect_rtp, sealed(*sender, &Transform::protect_rtp, rtp(9999, 2, 60))).error,
              Errc::too_large);
}

INSTANTIATE_TEST_SUITE_P(Hot, AgainstLibsrtp,
                         testing::Values(Profile::aes128_cm_sha1_80, Profile::aes128_cm_sha1_32,
                                         Profile::aead_aes_128_gcm, Profile::aead_aes_256_gcm));

}  // namespace
}  // namespace carillon::srtp
