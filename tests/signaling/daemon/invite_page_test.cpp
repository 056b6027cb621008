#include "signaling/daemon/invite_page.h"

#include <gtest/gtest.h>

#include "signaling/modules/registration/invite_links.h"
#include "signaling/runtime/web_address.h"

namespace carillon::daemon {
namespace {

using namespace std::chrono_literals;

storage::Invite invite() {
    return {.token = "abc234",
            .host = "example.org",
            .inviter = xmpp::Jid::parse("ann.b@example.org").value(),
            .registers = true,
            .created = WallTime{},
            .expires = WallTime{} + 24h};
}

TEST(Xep0401S4Links, FollowWhatTheInvitationIs) {
    auto each = invite();
    EXPECT_EQ(modules::invite_uri(each), "xmpp:ann.b@example.org?roster;preauth=abc234;ibr=y");
    each.registers = false;
    EXPECT_EQ(modules::invite_uri(each), "xmpp:ann.b@example.org?roster;preauth=abc234");
    each.inviter = {};
    EXPECT_EQ(modules::invite_uri(each), "xmpp:example.org?register;preauth=abc234");
    each.account = "m\u00fcller";
    EXPECT_EQ(modules::invite_uri(each), "xmpp:m%C3%BCller@example.org?register;preauth=abc234");
    EXPECT_EQ(modules::invite_page(each, "https://example.org"), "https://example.org/invite?abc234");
    EXPECT_EQ(modules::invite_page(each, ""), "");
}

TEST(Xep0401S4Links, TokensAreLongAndNeverTheSame) {
    const auto one = modules::make_invite_token();
    EXPECT_EQ(one.size(), 26u);
    EXPECT_EQ(one.find_first_not_of("abcdefghijkmnpqrstuvwxyz23456789"), std::string::npos);
    EXPECT_NE(one, modules::make_invite_token());
}

TEST(WebAddress, IsTheHostsOwnOrTheOperators) {
    EXPECT_EQ((runtime::WebAddress{5281, ""}.of("example.org")), "https://example.org:5281");
    EXPECT_EQ((runtime::WebAddress{443, ""}.of("example.org")), "https://example.org");
    EXPECT_EQ((runtime::WebAddress{443, "https://chat.example.org/"}.of("example.org")), "https://chat.example.org");
    EXPECT_EQ((runtime::WebAddress{0, ""}.of("example.org")), "");
}

TEST(Xep0379S3p3Page, NamesTheInviterHoldsTheLinkAndNoScript) {
    const auto html = invite_html(invite());
    EXPECT_NE(html.find("ann.b invites you to chat"), std::string::npos);
    EXPECT_NE(html.find("href=\"xmpp:ann.b@example.org?roster;preauth=abc234;ibr=y\""), std::string::npos);
    EXPECT_NE(html.find("<svg"), std::string::npos);
    EXPECT_EQ(html.find("<script"), std::string::npos);
    EXPECT_EQ(html.find(" src="), std::string::npos) << "it loads nothing";
    auto hostile = invite();
    hostile.inviter = {};
    hostile.account = "<b>&\"";
    EXPECT_EQ(invite_html(hostile).find("<b>"), std::string::npos);
}

TEST(Iso18004Code, DrawsFinderPatternsAndRefusesWhatDoesNotFit) {
    const auto svg = qr_svg("xmpp:example.org?register;preauth=abc234");
    EXPECT_NE(svg.find("M4 4h7v1h-7z"), std::string::npos) << "the upper edge of the first finder pattern";
    EXPECT_EQ(qr_svg(std::string(5000, 'x')), "");
}

}  // namespace
}  // namespace carillon::daemon
