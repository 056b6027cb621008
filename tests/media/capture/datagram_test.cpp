#include "media/capture/datagram.h"

#include <gtest/gtest.h>

#include "tests/media/capture/frames.h"

namespace carillon::capture {
namespace {

using namespace carillon::test;

constexpr std::uint16_t kMore = 0x2000;

std::optional<Datagram> read(DatagramReader& reader, const Octets& frame) { return reader.read({.data = frame}); }
std::optional<Datagram> read(Link link, const Octets& frame) {
    DatagramReader reader{link};
    return read(reader, frame);
}

TEST(CaptureLinkLayers, EachIsTakenOff) {
    const auto packet = ipv4(udp(octets({1, 2, 3})));
    const auto sll = join({Octets(14), octets({8, 0}), packet});
    const auto sll2 = join({octets({8, 0}), Octets(18), packet});
    for (const auto& [link, frame] :
         std::initializer_list<std::pair<Link, Octets>>{{Link::ethernet, ethernet(0x0800, packet)},
                                                        {Link::linux_sll, sll},
                                                        {Link::linux_sll2, sll2},
                                                        {Link::null_loopback, join({octets({2, 0, 0, 0}), packet})},
                                                        {Link::raw_ip, packet},
                                                        {Link::raw_ipv4, packet}}) {
        const auto datagram = read(link, frame);
        ASSERT_TRUE(datagram) << static_cast<int>(link);
        EXPECT_EQ(datagram->source.to_string(), "192.0.2.1:5004");
        EXPECT_EQ(datagram->destination.to_string(), "192.0.2.2:6004");
        EXPECT_EQ(datagram->payload, octets({1, 2, 3}));
    }
}

TEST(Ieee8021Q, TagsAreTakenOffButNotForEver) {
    const auto packet = ipv4(udp(octets({9})));
    const auto tagged = join({octets({0, 5, 0x81, 0}), octets({0, 6, 8, 0}), packet});
    EXPECT_TRUE(read(Link::ethernet, ethernet(0x88A8, tagged)));
    Octets endless;
    for (int i = 0; i < 50; ++i) endless = join({octets({0, 1, 0x81, 0}), endless});
    EXPECT_FALSE(read(Link::ethernet, ethernet(0x8100, endless)));
}

TEST(Rfc791S3p2, FragmentsAreReassembledInAnyOrder) {
    Octets payload(2000);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::byte>(i);
    const auto whole = udp(payload);
    const Octets first{whole.begin(), whole.begin() + 800}, second{whole.begin() + 800, whole.begin() + 1600},
        third{whole.begin() + 1600, whole.end()};
    DatagramReader reader{Link::raw_ip};
    EXPECT_FALSE(read(reader, ipv4(third, 200)));
    EXPECT_FALSE(read(reader, ipv4(first, kMore)));
    EXPECT_FALSE(read(reader, ipv4(first, kMore))) << "the same once more changes nothing";
    const auto datagram = read(reader, ipv4(second, kMore | 100));
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->payload, payload);
}

TEST(Rfc8200S4p5, FragmentsAndExtensionHeaders) {
    const auto whole = udp(Octets(100, std::byte{7}));
    const Octets first{whole.begin(), whole.begin() + 64}, second{whole.begin() + 64, whole.end()};
    const auto fragment = [](const Octets& piece, unsigned offset, bool more) {
        ByteWriter out;
        out.u8(17);
        out.u8(0);
        out.u16(static_cast<std::uint16_t>(offset | (more ? 1 : 0)));
        out.u32(99);
        out.bytes(piece);
        return out.release();
    };
    DatagramReader reader{Link::raw_ipv6};
    EXPECT_FALSE(read(reader, ipv6(44, fragment(first, 0, true))));
    const auto hop_by_hop = join({octets({44, 0, 0, 0, 0, 0, 0, 0}), fragment(second, 64, false)});
    const auto datagram = read(reader, ipv6(0, hop_by_hop));
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->payload.size(), 100U);
    EXPECT_EQ(datagram->source.to_string(), "[2001:db8::1]:5004");
}

TEST(CaptureBounds, FragmentsThatNeverEndAreForgotten) {
    DatagramReader reader{Link::raw_ip};
    for (std::uint16_t id = 0; id < 1000; ++id) EXPECT_FALSE(read(reader, ipv4(Octets(80), kMore, id)));
    EXPECT_EQ(reader.leftover().fragments_lost, 1000U - 256U);
}

TEST(CaptureBounds, LengthsThatLieAreMalformed) {
    auto packet = ipv4(udp(octets({1, 2, 3, 4})));
    for (std::size_t size = 0; size < packet.size(); ++size) {
        EXPECT_FALSE(read(Link::raw_ip, Octets{packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size)}));
    }
    packet[0] = std::byte{0x44};
    EXPECT_FALSE(read(Link::raw_ip, packet));
    DatagramReader reader{Link::raw_ip};
    EXPECT_FALSE(read(reader, ipv4(Octets(20), 0, 1, 6)));
    EXPECT_EQ(reader.leftover().not_udp, 1U);
}

}  // namespace
}  // namespace carillon::capture
