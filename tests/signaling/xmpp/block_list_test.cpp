#include "signaling/xmpp/block_list.h"

#include <gtest/gtest.h>

namespace carillon::xmpp {
namespace {

Jid jid(std::string_view text) { return Jid::parse(text).value(); }

TEST(Xep0191S5Matching, EachFormMatchesWhatItNames) {
    struct Case {
        std::string_view entry;
        std::vector<std::string_view> yes;
        std::vector<std::string_view> no;
    };
    const std::vector<Case> cases{
        {"u@d/r", {"u@d/r"}, {"u@d", "u@d/s", "d/r", "d", "v@d/r"}},
        {"u@d", {"u@d", "u@d/r"}, {"v@d", "d", "u@e", "u@x.d"}},
        {"d/r", {"d/r", "u@d/r"}, {"d", "u@d", "d/s"}},
        {"d", {"d", "d/r", "u@d", "u@d/r"}, {"x.d", "u@x.d", "e"}},
    };
    for (const auto& [entry, yes, no] : cases) {
        BlockList list;
        list.add(jid(entry));
        for (const auto address : yes) {
            EXPECT_TRUE(list.blocks(jid(address))) << entry << ' ' << address;
            EXPECT_TRUE(matches(jid(entry), jid(address))) << entry << ' ' << address;
        }
        for (const auto address : no) {
            EXPECT_FALSE(list.blocks(jid(address))) << entry << ' ' << address;
            EXPECT_FALSE(matches(jid(entry), jid(address))) << entry << ' ' << address;
        }
    }
}

TEST(BlockList, KnowsWhetherAnybodyBlocksAnything) {
    ASSERT_FALSE(BlockList::any_in_use());
    BlockList list;
    EXPECT_TRUE(list.add(jid("u@d")));
    EXPECT_FALSE(list.add(jid("u@d")));
    EXPECT_TRUE(list.add(jid("a@d")));
    BlockList copy = list;
    list.clear();
    EXPECT_TRUE(BlockList::any_in_use());
    EXPECT_EQ(copy.entries(), (std::vector{jid("a@d"), jid("u@d")}));
    EXPECT_TRUE(copy.remove(jid("u@d")));
    EXPECT_FALSE(copy.remove(jid("u@d")));
    EXPECT_TRUE(copy.remove(jid("a@d")));
    EXPECT_TRUE(copy.empty());
    EXPECT_FALSE(BlockList::any_in_use());
}

}  // namespace
}  // namespace carillon::xmpp
