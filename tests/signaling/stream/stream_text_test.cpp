#include "signaling/stream/stream_text.h"

#include <gtest/gtest.h>

namespace carillon::stream {
namespace {

TEST(Rfc4648S4Base64, DecodesStrictly) {
    EXPECT_EQ(base64_decode(""), "");
    EXPECT_EQ(base64_decode("Zg=="), "f");
    EXPECT_EQ(base64_decode("Zm8="), "fo");
    EXPECT_EQ(base64_decode("Zm9vYmFy"), "foobar");
    for (const auto* bad : {"Zg", "Zg=", "Z===", "Zg==Zg==", "Z g=", "Zm9\n", "@@@@", "===="}) {
        EXPECT_FALSE(base64_decode(bad)) << bad;
    }
    EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
}

TEST(Rfc6120S4p9p2Errors, EscapesItsText) {
    EXPECT_EQ(error_text("conflict", "<x>"),
              "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
              "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>&lt;x&gt;</text></stream:error>");
}

TEST(Rfc6120S4p7p3Ids, AreNeverTheSame) { EXPECT_NE(make_stream_id(), make_stream_id()); }

}  // namespace
}  // namespace carillon::stream
