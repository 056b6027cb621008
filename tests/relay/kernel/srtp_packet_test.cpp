/// SRTP as the kernel's program does it, packet for packet beside what the worker does (media/srtp), whose own oracles
/// are libsrtp and published vectors.
#include "relay/kernel/srtp_packet.h"

#include <gtest/gtest.h>

#include <random>

#include "media/srtp/index.h"
#include "media/srtp/srtp_session.h"
#include "relay/kernel/srtp_keys.h"

namespace carillon::relay {
namespace {

using srtp::Profile;

constexpr std::array kProfiles{Profile::aes128_cm_sha1_80, Profile::aes128_cm_sha1_32, Profile::aead_aes_128_gcm,
                               Profile::aead_aes_256_gcm};

class SrtpPacketTest : public testing::TestWithParam<Profile> {
  protected:
    SrtpPacketTest() {
        const auto lengths = srtp::lengths_of(GetParam());
        for (std::size_t i = 0; i < lengths.key + lengths.salt; ++i) master_.push_back(std::byte(random_()));
        keys_ = *kernel_keys(GetParam(), srtp::derive_keys(GetParam(), master_)->rtp);
    }
    srtp::Session session(srtp::Direction direction) {
        return std::move(*srtp::Session::create(GetParam(), master_, direction));
    }
    std::vector<std::byte> packet(std::uint16_t sequence, std::size_t payload, unsigned sources = 0,
                                  std::optional<unsigned> extension = {}) {
        ByteWriter out;
        out.u8(static_cast<std::uint8_t>(0x80 | sources | (extension ? 0x10 : 0)));
        out.u8(96), out.u16(sequence), out.u32(160u * sequence), out.u32(0xDECAFBAD);
        for (unsigned i = 0; i < sources; ++i) out.u32(random_());
        if (extension) {
            out.u16(0xBEDE), out.u16(static_cast<std::uint16_t>(*extension));
            for (unsigned i = 0; i < *extension; ++i) out.u32(random_());
        }
        for (std::size_t i = 0; i < payload; ++i) out.u8(static_cast<std::uint8_t>(random_()));
        return out.release();
    }
    void put(Bytes bytes) {
        work_ = {};
        for (std::size_t i = 0; i < sizeof work_.packet; ++i) work_.packet[i] = static_cast<__u8>(random_());  // stale
        if (!bytes.empty()) std::memcpy(work_.packet, bytes.data(), bytes.size());
        work_.length = static_cast<__u32>(bytes.size());
    }
    std::vector<std::byte> taken() const {
        const auto* at = reinterpret_cast<const std::byte*>(work_.packet);
        return {at, at + work_.length};
    }
    /// As the program does.
    bool seal(Bytes clear, std::uint64_t index) {
        put(clear);
        work_.header = carillon_header_length(&work_, work_.length);
        return work_.header != 0 && carillon_seal(&work_, &keys_, index) != 0;
    }
    bool open(Bytes sealed, std::uint64_t index) {
        put(sealed);
        work_.header = carillon_header_length(&work_, work_.length);
        return work_.header != 0 && carillon_open(&work_, &keys_, index) != 0;
    }

    std::mt19937 random_{7};
    std::vector<std::byte> master_;
    carillon_srtp_keys keys_{};
    carillon_work work_{};
};

TEST_P(SrtpPacketTest, SealsAsTheWorkerDoes) {
    auto out = session(srtp::Direction::outbound);
    std::uint16_t sequence = 1;
    for (std::size_t size = 0; size < 1'400; size += size < 100 ? 1 : 37) {
        const auto clear =
            packet(sequence, size, sequence % 4, sequence % 3 ? std::optional{sequence % 5u} : std::nullopt);
        auto expected = clear;
        expected.resize(clear.size() + srtp::kMaxOverhead);
        expected.resize(*out.protect_rtp(expected, clear.size()));
        ASSERT_TRUE(seal(clear, sequence)) << size;
        ASSERT_EQ(taken(), expected) << size;
        ++sequence;
    }
}

TEST_P(SrtpPacketTest, OpensAsTheWorkerDoes) {
    auto out = session(srtp::Direction::outbound);
    std::uint16_t sequence = 65'400;  // the roll-over counter moves on
    for (std::size_t size = 0; size < 1'400; size += size < 100 ? 1 : 37) {
        const auto clear = packet(sequence, size, sequence % 3, sequence % 2 ? std::optional{1u} : std::nullopt);
        auto sealed = clear;
        sealed.resize(clear.size() + srtp::kMaxOverhead);
        sealed.resize(*out.protect_rtp(sealed, clear.size()));
        const std::uint64_t index = sequence < 60'000 ? 0x10000u + sequence : sequence;
        ASSERT_TRUE(open(sealed, index)) << size;
        ASSERT_EQ(taken(), clear) << size;
        // A bit anywhere makes it another packet.
        auto forged = sealed;
        forged[random_() % forged.size()] ^= std::byte(1 << random_() % 8);
        EXPECT_FALSE(open(forged, index)) << size;
        EXPECT_FALSE(open(sealed, index + 0x10000)) << "another roll-over counter";
        ++sequence;
    }
}

TEST_P(SrtpPacketTest, OddPacketsAreLeftAlone) {
    EXPECT_FALSE(open(packet(1, 0), 1)) << "shorter than a tag";
    EXPECT_FALSE(seal(packet(1, CARILLON_LONGEST_PACKET), 1)) << "no room";
    EXPECT_FALSE(seal(packet(1, 100, 15, 10), 1)) << "a longer header than it looks at";
    auto lying = packet(1, 20, 0, 1);
    lying[14] = std::byte{0xFF};
    EXPECT_FALSE(seal(lying, 1)) << "an extension longer than the packet";
    for (int i = 0; i < 20'000; ++i) {
        std::vector<std::byte> noise(random_() % 200);
        for (auto& octet : noise) octet = std::byte(random_());
        EXPECT_FALSE(open(noise, random_()));
    }
}

INSTANTIATE_TEST_SUITE_P(Rfc3711AndRfc7714, SrtpPacketTest, testing::ValuesIn(kProfiles),
                         [](const auto& each) { return std::string{srtp::to_string(each.param)}; });

TEST(SrtpWindow, TellsRepeatedIndicesAsTheWorkerDoes) {
    std::mt19937 random{11};
    srtp::ReplayWindow<1024> worker;
    std::array<__u64, CARILLON_WINDOW_WORDS> seen{};
    std::uint64_t highest = 70'000;
    worker.mark(highest);
    carillon_mark(seen.data(), 0, highest);
    for (int i = 0; i < 200'000; ++i) {
        const auto step = random() % 1000;
        const auto index = step < 600   ? highest + 1
                           : step < 990 ? highest - random() % 959
                                        : highest + random() % (step == 999 ? 3000 : 100);
        const bool fresh = carillon_fresh(seen.data(), highest, index) != 0;
        ASSERT_EQ(fresh, worker.fresh(index)) << i;
        if (!fresh) continue;
        worker.mark(index);
        carillon_mark(seen.data(), highest, index);
        highest = std::max(highest, index);
    }
    EXPECT_FALSE(carillon_fresh(seen.data(), highest, highest - 960)) << "too old to tell";
}

TEST(SrtpWindow, GuessesTheIndexAsTheWorkerDoes) {
    std::mt19937_64 random{13};
    for (int i = 0; i < 100'000; ++i) {
        const auto highest = random() & 0xFFFF'FFFF'FFFF;
        const auto sequence = static_cast<std::uint16_t>(random());
        ASSERT_EQ(carillon_guess_index(highest, sequence), srtp::guess_index(highest, sequence));
        ASSERT_EQ(carillon_guess_index(highest & 0xFFFF, sequence), srtp::guess_index(highest & 0xFFFF, sequence));
    }
}

}  // namespace
}  // namespace carillon::relay
