/// Legs that end at the relay, opened and sealed in the kernel: what arrives, what is counted and what is refused is
/// the same as in the worker, and the two hand a stream over to one another without a packet lost or taken twice.
#include "media/srtp/srtp_session.h"
#include "tests/relay/kernel/kernel_fixture.h"

namespace carillon::relay {
namespace {

using srtp::Profile;
using Packet = std::vector<std::byte>;

Packet bytes_of(const std::string& text) {
    const auto* at = reinterpret_cast<const std::byte*>(text.data());
    return {at, at + text.size()};
}
Packet key(Profile profile, std::uint8_t seed) {
    const auto lengths = srtp::lengths_of(profile);
    return Packet(lengths.key + lengths.salt, std::byte{seed});
}
Packet voice(std::uint16_t sequence, std::uint32_t ssrc = 1, std::uint8_t type = 0, std::size_t size = 160) {
    ByteWriter out;
    out.u8(0x80), out.u8(type), out.u16(sequence), out.u32(160u * sequence), out.u32(ssrc);
    for (std::size_t i = 0; i < size; ++i) out.u8(static_cast<std::uint8_t>(i * sequence));
    return out.release();
}

/// An endpoint with its keys; none: plain RTP.
struct End {
    std::optional<Profile> profile;
    std::uint8_t seed = 0;
    std::optional<srtp::Session> out, in;

    End(std::optional<Profile> of, std::uint8_t number) : profile{of}, seed{number} {
        if (!profile) return;
        out = *srtp::Session::create(*profile, key(*profile, seed), srtp::Direction::outbound);
        in = *srtp::Session::create(*profile, key(*profile, static_cast<std::uint8_t>(seed + 1)),
                                    srtp::Direction::inbound);
    }
    api::LegSetup leg(std::uint16_t port) const {
        api::LegSetup setup;
        setup.remotes = {{.component = 1, .ip = "127.0.0.1", .port = port}};
        if (!profile) return setup;
        setup.security = {.protection = api::Protection::sdes,
                          .suite = std::string{srtp::to_string(*profile)},
                          .local = {{key(*profile, static_cast<std::uint8_t>(seed + 1)), {}}},
                          .remote = {{key(*profile, seed), {}}},
                          .fingerprint_hash = {},
                          .fingerprint = {}};
        return setup;
    }
    Packet sealed(Packet packet) {
        if (!out) return packet;
        const auto length = packet.size();
        packet.resize(length + srtp::kMaxOverhead);
        packet.resize(out->protect_rtp(packet, length).value_or(0));
        return packet;
    }
    Packet opened(Packet packet) {
        if (!in || packet.empty()) return packet;
        packet.resize(in->unprotect_rtp(packet).value_or(0));
        return packet;
    }
};

class KernelSrtp : public KernelPathTest {
  protected:
    api::Ports bridge(std::optional<Profile> a, std::optional<Profile> b) {
        a_.emplace(a, std::uint8_t{10});
        b_.emplace(b, std::uint8_t{20});
        auto setup = api::StreamSetup{
            .stream = "audio", .mode = api::Mode::bridge, .a = a_->leg(caller_.port()), .b = b_->leg(callee_.port())};
        setup.a.payload_types = {{0, 8}};
        setup.b.payload_types = {{8, 0}};
        const auto ports = open("call", setup);
        EXPECT_TRUE(ports);
        return ports.value_or(api::Ports{});
    }
    /// As both ends hear it: the other's packet, its payload type changed.
    void speak(const api::Ports& ports, std::uint16_t sequence, unsigned packets, std::size_t size = 160) {
        for (unsigned i = 0; i < packets; ++i, ++sequence) {
            caller_.send(a_->sealed(voice(sequence, 1, 0, size)), ports.a.front().port);
            callee_.send(b_->sealed(voice(sequence, 2, 8, size)), ports.b.front().port);
            ASSERT_EQ(b_->opened(bytes_of(callee_.receive().first)), voice(sequence, 1, 8, size)) << sequence;
            ASSERT_EQ(a_->opened(bytes_of(caller_.receive().first)), voice(sequence, 2, 0, size)) << sequence;
        }
    }
    std::optional<End> a_, b_;
};

class KernelSrtpPairs : public KernelSrtp,
                        public testing::WithParamInterface<std::pair<std::optional<Profile>, std::optional<Profile>>> {
};

TEST_P(KernelSrtpPairs, SettledFlowsAreOpenedAndSealedThere) {
    START_IN_KERNEL();
    const auto ports = bridge(GetParam().first, GetParam().second);
    speak(ports, 65'480, 40);
    EXPECT_EQ(flows(), 2u);
    speak(ports, 65'520, 100);  // beyond the turn of the sequence numbers
    std::uint16_t sequence = 84;
    for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 52u, 511u, 1'100u}) speak(ports, sequence++, 1, size);
    EXPECT_EQ(flows(), 2u);
    const auto counted = count("call");
    EXPECT_EQ(counted.a.packets, 148u);
    EXPECT_EQ(counted.b.packets, 148u);
    EXPECT_EQ(counted.a.bytes, counted.b.bytes);
    EXPECT_TRUE(counted.a.drops.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rfc3711AndRfc7714, KernelSrtpPairs,
    testing::Values(std::pair{std::optional{Profile::aes128_cm_sha1_80}, std::optional<Profile>{}},
                    std::pair{std::optional<Profile>{}, std::optional{Profile::aes128_cm_sha1_32}},
                    std::pair{std::optional{Profile::aead_aes_128_gcm}, std::optional<Profile>{}},
                    std::pair{std::optional{Profile::aead_aes_256_gcm}, std::optional{Profile::aes128_cm_sha1_80}},
                    std::pair{std::optional{Profile::aead_aes_128_gcm}, std::optional{Profile::aead_aes_128_gcm}},
                    std::pair{std::optional<Profile>{}, std::optional<Profile>{}}));

TEST_F(KernelSrtp, ForgedAndRepeatedPacketsEndThere) {
    START_IN_KERNEL();
    const auto ports = bridge(Profile::aes128_cm_sha1_80, Profile::aead_aes_128_gcm);
    speak(ports, 1, 40);
    const auto known = a_->sealed(voice(41));
    caller_.send(known, ports.a.front().port);
    ASSERT_FALSE(callee_.receive().first.empty());
    for (int i = 0; i < 5; ++i) caller_.send(known, ports.a.front().port);
    auto forged = a_->sealed(voice(42));
    forged[20] ^= std::byte{1};
    caller_.send(forged, ports.a.front().port);
    caller_.send(voice(43), ports.a.front().port);
    EXPECT_TRUE(callee_.receives_nothing());
    const auto counted = count("call").a;
    EXPECT_EQ(counted.packets, 41u);
    EXPECT_EQ(counted.drops.at("replayed"), 5u);
    EXPECT_EQ(counted.drops.at("bad_srtp"), 2u);
    EXPECT_EQ(flows(), 2u);
    caller_.send(a_->sealed(voice(44)), ports.a.front().port);
    EXPECT_EQ(b_->opened(bytes_of(callee_.receive().first)), voice(44, 1, 8)) << "and disturb nobody";
}

TEST_F(KernelSrtp, TakenBackTheWorkerGoesOnWhereTheKernelStood) {
    START_IN_KERNEL();
    const auto ports = bridge(Profile::aead_aes_128_gcm, Profile::aes128_cm_sha1_80);
    speak(ports, 65'400, 300);  // the roll-over counter moved on in the kernel
    const auto late = a_->sealed(voice(164));
    const auto last = a_->sealed(voice(165));
    caller_.send(last, ports.a.front().port);
    ASSERT_FALSE(callee_.receive().first.empty());
    EXPECT_EQ(flows(), 2u);
    // What signaling says anew, though the same, ends the kernel's part.
    const auto done = ask<bool>([&](auto answer) {
        auto leg = b_->leg(callee_.port());
        leg.payload_types = {{8, 0}};
        client_->update_leg("call", "audio", api::Leg::b, leg, answer);
    });
    ASSERT_TRUE(done);
    ASSERT_EQ(flows(), 0u);
    caller_.send(last, ports.a.front().port);
    EXPECT_TRUE(callee_.receives_nothing()) << "the kernel has passed it";
    caller_.send(late, ports.a.front().port);
    EXPECT_EQ(b_->opened(bytes_of(callee_.receive().first)), voice(164, 1, 8)) << "late, and not seen there";
    EXPECT_EQ(count("call").a.drops.at("replayed"), 1u);
    a_->sealed(voice(166));
    speak(ports, 167, 130);
    EXPECT_EQ(flows(), 2u) << "and there again";
}

TEST_F(KernelSrtp, ASenderThatLeapsIsFollowed) {
    START_IN_KERNEL();
    const auto ports = bridge(Profile::aes128_cm_sha1_80, std::nullopt);
    speak(ports, 1, 50);
    EXPECT_EQ(flows(), 2u);
    speak(ports, 20'000, 100);  // more than RFC 3550 takes for the same run of numbers
    const auto counted = count("call").a;
    EXPECT_EQ(counted.packets, 150u);
    EXPECT_TRUE(counted.drops.empty());
}

TEST_F(KernelSrtp, AnotherStreamOfTheSameEndJoins) {
    START_IN_KERNEL();
    const auto ports = bridge(Profile::aes128_cm_sha1_80, Profile::aes128_cm_sha1_80);
    speak(ports, 1, 50);
    for (std::uint16_t i = 1; i <= 100; ++i) {
        caller_.send(a_->sealed(voice(i, 7)), ports.a.front().port);
        ASSERT_EQ(b_->opened(bytes_of(callee_.receive().first)), voice(i, 7, 8)) << i;
        caller_.send(a_->sealed(voice(static_cast<std::uint16_t>(50 + i), 1)), ports.a.front().port);
        ASSERT_EQ(b_->opened(bytes_of(callee_.receive().first)), voice(static_cast<std::uint16_t>(50 + i), 1, 8)) << i;
    }
    EXPECT_EQ(count("call").a.packets, 250u);
    EXPECT_TRUE(count("call").a.drops.empty());
}

TEST_F(KernelSrtp, NewKeysAreUsedAtOnce) {
    START_IN_KERNEL();
    const auto ports = bridge(Profile::aes128_cm_sha1_80, std::nullopt);
    speak(ports, 1, 50);
    EXPECT_EQ(flows(), 2u);
    End fresh{Profile::aes128_cm_sha1_80, 30};
    auto leg = fresh.leg(caller_.port());
    leg.payload_types = {{0, 8}};
    ASSERT_TRUE(ask<bool>([&](auto answer) { client_->update_leg("call", "audio", api::Leg::a, leg, answer); }));
    caller_.send(a_->sealed(voice(51)), ports.a.front().port);
    EXPECT_TRUE(callee_.receives_nothing()) << "under the keys of before";
    a_ = std::move(fresh);
    speak(ports, 52, 130);
    EXPECT_EQ(flows(), 2u);
}

}  // namespace
}  // namespace carillon::relay
