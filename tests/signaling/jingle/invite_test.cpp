#include "signaling/jingle/invite.h"

#include <gtest/gtest.h>

#include "tests/signaling/jingle/xml_text.h"

namespace carillon::jingle {
namespace {

using test::parse_xml;

TEST(Xep0353Parse, ReadsBothVersions) {
    for (const std::string ns : {"urn:xmpp:jingle-message:0", "urn:xmpp:jingle-message:1"}) {
        const auto invite = parse_invite(parse_xml("<message xmlns='jabber:client'><propose xmlns='" + ns +
                                                   "' id='ca3cf894'><description media='audio'/></propose></message>"));
        ASSERT_TRUE(invite);
        EXPECT_EQ(invite->action, InviteAction::propose);
        EXPECT_EQ(invite->id, "ca3cf894");
        EXPECT_EQ(invite->ns, ns);
    }
}

TEST(Xep0353Parse, ReadsReasonTieBreakAndMigration) {
    const auto reject = parse_invite(
        parse_xml("<message xmlns='jabber:client'><reject xmlns='urn:xmpp:jingle-message:0' id='x'>"
                  "<reason xmlns='urn:xmpp:jingle:1'><expired/><text>Tie-Break</text></reason><tie-break/></reject>"
                  "</message>"));
    ASSERT_TRUE(reject);
    EXPECT_EQ(reject->reason.condition, "expired");
    EXPECT_TRUE(reject->tie_break);
    const auto finish =
        parse_invite(parse_xml("<message xmlns='jabber:client'><finish xmlns='urn:xmpp:jingle-message:0' id='x'>"
                               "<migrated to='y'/></finish></message>"));
    ASSERT_TRUE(finish);
    EXPECT_EQ(finish->migrated_to, "y");
}

TEST(Xep0353Parse, PassesOverOtherMessages) {
    EXPECT_FALSE(parse_invite(parse_xml("<message xmlns='jabber:client'><body>hello</body></message>")));
    EXPECT_FALSE(parse_invite(
        parse_xml("<message xmlns='jabber:client'><propose xmlns='urn:xmpp:jingle-message:0'/></message>")));
}

TEST(Xep0353Make, ParsesBack) {
    xml::Element message{"message", "jabber:client"};
    message.append(make_invite(InviteAction::retract, "urn:xmpp:jingle-message:0", "x", {"timeout", ""}));
    const auto invite = parse_invite(message);
    ASSERT_TRUE(invite);
    EXPECT_EQ(invite->action, InviteAction::retract);
    EXPECT_EQ(invite->reason.condition, "timeout");
}

}  // namespace
}  // namespace carillon::jingle
