#include "signaling/session/caps_verification.h"

#include <gtest/gtest.h>

#include "signaling/xml/stream_parser.h"

namespace carillon::modules {
namespace {

std::optional<std::string> ver(std::string_view query, std::string_view hash = "sha-1") {
    return session::caps_verification(xml::parse_document(query).value(), hash);
}

TEST(Xep0115S5p2Verification, TheSimpleExample) {
    EXPECT_EQ(ver("<query xmlns='http://jabber.org/protocol/disco#info'>"
                  "<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/caps'/>"
                  "<identity category='client' name='Exodus 0.9.1' type='pc'/>"
                  "<feature var='http://jabber.org/protocol/disco#info'/><feature "
                  "var='http://jabber.org/protocol/disco#items'/></query>"),
              "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

TEST(Xep0115S5p3Verification, TheComplexExample) {
    EXPECT_EQ(
        ver("<query xmlns='http://jabber.org/protocol/disco#info'>"
            "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
            "<identity xml:lang='el' category='client' name='\xCE\xA8 0.11' type='pc'/>"
            "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
            "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
            "<x xmlns='jabber:x:data' type='result'>"
            "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
            "<field var='ip_version'><value>ipv4</value><value>ipv6</value></field>"
            "<field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>"
            "<field var='software'><value>Psi</value></field><field var='software_version'><value>0.11</value></field>"
            "</x></query>"),
        "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

TEST(Xep0115S5p4Verification, IllFormedAnswersHaveNone) {
    EXPECT_EQ(ver("<query xmlns='x'><feature var='a'/><feature var='a'/></query>"), std::nullopt);
    EXPECT_EQ(ver("<query xmlns='x'><identity category='c' type='t'/><identity category='c' type='t'/></query>"),
              std::nullopt);
    EXPECT_EQ(ver("<query xmlns='x'><feature var='a'/></query>", "md-77"), std::nullopt) << "an unknown hash";
}

}  // namespace
}  // namespace carillon::modules
