/// Spec: XEP-0185 §2, with its example.
#include "signaling/federation/dialback.h"

#include <gtest/gtest.h>

namespace carillon::federation {
namespace {

TEST(Xep0185Key, TheExampleOfTheXep) {
    EXPECT_EQ(dialback_key(Secret{"s3cr3tf0rd14lb4ck"}, "xmpp.example.com", "example.org", "D60000229F"),
              "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
}

TEST(Xep0185Key, IsForThesePeersAndThisStreamAlone) {
    const Secret secret{"secret"};
    const auto key = dialback_key(secret, "a.example", "b.example", "1");
    EXPECT_NE(key, dialback_key(secret, "b.example", "a.example", "1"));
    EXPECT_NE(key, dialback_key(secret, "a.example", "b.example", "2"));
    EXPECT_NE(key, dialback_key(Secret{"other"}, "a.example", "b.example", "1"));
    EXPECT_TRUE(same_key(key, std::string{key}));
    EXPECT_FALSE(same_key(key, key.substr(1)));
}

TEST(Xep0220Elements, AreWrittenWithTheUsualPrefix) {
    EXPECT_EQ(dialback_element("result", "a", "b", {}, "valid"),
              "<db:result from='a' to='b' type='valid'></db:result>");
    EXPECT_EQ(dialback_element("verify", "a'", "b", "<1>", {}, "k"),
              "<db:verify from='a&apos;' to='b' id='&lt;1&gt;'>k</db:verify>");
}

}  // namespace
}  // namespace carillon::federation
