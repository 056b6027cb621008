#include "stun/turn/peer_policy.h"

#include <gtest/gtest.h>

namespace carillon::stun::turn {
namespace {

TransportAddress at(std::string_view ip, std::uint16_t port = 5000) {
    auto address = Prefix::parse(ip)->base;
    address.port = port;
    return address;
}

PeerPolicy usual() {
    return PeerPolicy{{.allowed = {},
                       .denied = {},
                       .own = {at("127.0.0.1"), at("8.8.4.4")},
                       .relayed = {at("8.8.4.4")},
                       .first_port = 30000,
                       .last_port = 30010}};
}

TEST(Rfc8656S21PeerPolicy, RefusesEveryWayIntoPrivateNetworks) {
    const auto policy = usual();
    for (const auto* ip : {"127.0.0.1",
                           "127.255.0.9",
                           "0.0.0.0",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "100.64.0.1",
                           "100.127.255.255",
                           "169.254.169.254",
                           "224.0.0.1",
                           "239.1.1.1",
                           "255.255.255.255",
                           "192.0.2.1",
                           "198.18.0.1",
                           "168.63.129.16",
                           "::",
                           "::1",
                           "fe80::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "ff02::1",
                           "fec0::1",
                           "::ffff:10.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:8.8.8.8",
                           "::10.0.0.1",
                           "::ffff:0:10.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "64:ff9b::127.0.0.1",
                           "64:ff9b:1::1",
                           "2002:0a00:0001::1",
                           "2002:7f00:0001::",
                           "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                           "2001:db8::1"}) {
        EXPECT_FALSE(policy.admits(at(ip))) << ip;
        EXPECT_FALSE(policy.admits_host(at(ip))) << ip;
    }
}

TEST(Rfc8656S21PeerPolicy, AdmitsThePublicInternet) {
    for (const auto* ip : {"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"})
        EXPECT_TRUE(usual().admits(at(ip))) << ip;
    EXPECT_FALSE(usual().admits(at("8.8.8.8", 0)));
}

TEST(Rfc8656S21PeerPolicy, OwnAddressesAreReachedAtRelayPortsOnly) {
    EXPECT_TRUE(usual().admits(at("8.8.4.4", 30000)));
    EXPECT_TRUE(usual().admits_host(at("8.8.4.4", 30010)));
    EXPECT_FALSE(usual().admits(at("8.8.4.4", 22)));
    EXPECT_FALSE(usual().admits_host(at("8.8.4.4", 30011)));
    EXPECT_FALSE(usual().admits(at("127.0.0.1", 30000)));
}

TEST(Rfc8656S21PeerPolicy, ListsOfTheOperatorCount) {
    const PeerPolicy policy{{.allowed = {*Prefix::parse("10.0.0.0/8")},
                             .denied = {*Prefix::parse("10.9.0.0/16"), *Prefix::parse("8.8.8.8")},
                             .own = {},
                             .relayed = {}}};
    EXPECT_TRUE(policy.admits(at("10.1.0.1")));
    EXPECT_FALSE(policy.admits(at("10.9.0.1")));
    EXPECT_FALSE(policy.admits(at("8.8.8.8")));
    EXPECT_FALSE(policy.admits(at("::ffff:8.8.8.8")));
    EXPECT_FALSE(policy.admits(at("192.168.0.1")));
}

TEST(Rfc8656S21Canonical, FindsTheAddressInside) {
    EXPECT_EQ(canonical(at("::ffff:10.0.0.1")), at("10.0.0.1"));
    EXPECT_EQ(canonical(at("64:ff9b::192.0.2.33")), at("192.0.2.33"));
    EXPECT_EQ(canonical(at("2002:c000:0204::1")), at("192.0.2.4"));
    // RFC 4380 §4: the client's address, each bit flipped.
    EXPECT_EQ(canonical(at("2001:0:4136:e378:8000:63bf:3fff:fdd2")), at("192.0.2.45"));
    EXPECT_EQ(canonical(at("2606:4700::1111")), at("2606:4700::1111"));
    EXPECT_EQ(canonical(at("::1")), at("::1"));
}

TEST(Rfc8656S21Prefix, RefusesWhatIsNone) {
    for (const auto* text : {"", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/8x", "example"})
        EXPECT_FALSE(Prefix::parse(text)) << text;
}

}  // namespace
}  // namespace carillon::stun::turn
