#include <gtest/gtest.h>

#include "signaling/modules/registration/form.h"
#include "signaling/modules/registration/office.h"
#include "signaling/modules/registration/settings.h"

namespace carillon::modules {
namespace {

using namespace std::chrono_literals;

TEST(AttemptLimiter, CountsWithinAWindowThatMovesAlong) {
    AttemptLimiter limiter;
    const SteadyTime start{};
    EXPECT_TRUE(limiter.admit("192.0.2.1", start, 2, 1h));
    EXPECT_TRUE(limiter.admit("192.0.2.1", start + 50min, 2, 1h));
    EXPECT_FALSE(limiter.admit("192.0.2.1", start + 59min, 2, 1h));
    EXPECT_TRUE(limiter.admit("192.0.2.2", start + 59min, 2, 1h)) << "somebody else";
    EXPECT_TRUE(limiter.admit("192.0.2.1", start + 60min, 2, 1h)) << "the first is an hour old";
    EXPECT_FALSE(limiter.admit("192.0.2.1", start + 60min, 2, 1h));
}

TEST(AttemptLimiter, TakesAWholeNetworkOfVersionSixForOne) {
    AttemptLimiter limiter;
    const SteadyTime now{};
    EXPECT_TRUE(limiter.admit("2001:db8:0:1::1", now, 1, 1h));
    EXPECT_FALSE(limiter.admit("2001:db8:0:1:ffff::2", now, 1, 1h));
    EXPECT_TRUE(limiter.admit("2001:db8:0:2::1", now, 1, 1h));
    EXPECT_TRUE(limiter.admit("::ffff:192.0.2.1", now, 1, 1h));
    EXPECT_FALSE(limiter.admit("192.0.2.1", now, 1, 1h)) << "the same, mapped";
}

TEST(Names, AreAddressesThatAreNotReserved) {
    const auto host = xmpp::Jid::parse("example.org").value();
    RegistrationSettings settings;
    settings.reserved = {"ceo"};
    EXPECT_EQ(user_address("Erin", host, settings).value().str(), "erin@example.org");
    EXPECT_EQ(user_address("m\u00fcller", host, settings).value().node(), "m\u00fcller");
    for (const auto* name : {"", "a@b", "a/b", "a b", "<a>", "Postmaster", "ceo"})
        EXPECT_FALSE(user_address(name, host, settings)) << name;
    EXPECT_TRUE(user_address(std::string(64, 'a'), host, settings));
    EXPECT_FALSE(user_address(std::string(65, 'a'), host, settings));
}

TEST(Xep0004Form, FieldsGoInAndComeOut) {
    auto form = make_form("form", "urn:example", "Title");
    add_field(form, "text-single", "name", "Name", "value", true);
    EXPECT_EQ(field_value(form, "FORM_TYPE"), "urn:example");
    EXPECT_EQ(field_value(form, "name"), "value");
    EXPECT_EQ(field_value(form, "other"), std::nullopt);
}

}  // namespace
}  // namespace carillon::modules
