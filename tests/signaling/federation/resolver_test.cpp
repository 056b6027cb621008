/// Spec: RFC 2782, XEP-0368.
#include "signaling/federation/resolver.h"

#include <gtest/gtest.h>

#include "signaling/federation/settings.h"

namespace carillon::federation {
namespace {

TEST(Rfc2782Order, PriorityFirstThenChanceByWeight) {
    std::mt19937 chance{42};
    int heavy_first = 0;
    for (int i = 0; i < 1000; ++i) {
        std::vector<Service> services{{"last", 1, 20, 0, false},
                                      {"light", 1, 10, 10, false},
                                      {"heavy", 1, 10, 90, false},
                                      {"zero", 1, 10, 0, true}};
        order_services(services, chance);
        ASSERT_EQ(services.size(), 4u);
        EXPECT_EQ(services.back().host, "last");
        if (services.front().host == "heavy") ++heavy_first;
    }
    EXPECT_GT(heavy_first, 800);
    EXPECT_LT(heavy_first, 980);
}

TEST(Targets, AsTheyAreWritten) {
    const auto check = [](std::string_view text, std::string_view host, std::uint16_t port, bool direct_tls) {
        const auto target = parse_target(text);
        EXPECT_EQ(target.host, host) << text;
        EXPECT_EQ(target.port, port) << text;
        EXPECT_EQ(target.direct_tls, direct_tls) << text;
    };
    check("example.net", "example.net", 5269, false);
    check("example.net:7000", "example.net", 7000, false);
    check("tls://example.net", "example.net", 5270, true);
    check("[2001:db8::1]:7000", "2001:db8::1", 7000, false);
    check("2001:db8::1", "2001:db8::1", 5269, false);
    check("tls://[::1]", "::1", 5270, true);
}

TEST(Targets, AStaticOneComesBeforeTheDns) {
    const auto targets = look_up("anything.invalid", {{"anything.invalid", "127.0.0.1:7000"}}).targets;
    ASSERT_EQ(targets.size(), 1u);
    EXPECT_EQ(targets[0].endpoint.port(), 7000);
    EXPECT_TRUE(targets[0].endpoint.address().is_loopback());
}

TEST(Policy, ListsCoverSubdomains) {
    Options options;
    EXPECT_TRUE(permitted(options, "example.org"));
    options.deny = {"spam.example"};
    EXPECT_FALSE(permitted(options, "spam.example"));
    EXPECT_FALSE(permitted(options, "deep.spam.example"));
    EXPECT_TRUE(permitted(options, "notspam.example"));
    options.allow = {"example.org"};
    EXPECT_TRUE(permitted(options, "rooms.example.org"));
    EXPECT_FALSE(permitted(options, "example.net"));
}

}  // namespace
}  // namespace carillon::federation
