#include "signaling/router/delivery_rules.h"

#include <gtest/gtest.h>

namespace carillon::router {
namespace {

TEST(Rfc6121S5p2p2MessageType, UnknownIsNormal) {
    EXPECT_EQ(message_type(""), MessageType::normal);
    EXPECT_EQ(message_type("strange"), MessageType::normal);
    EXPECT_EQ(message_type("chat"), MessageType::chat);
}

TEST(Rfc6121S4p7p2p3Priority, IsAnIntegerFromMinus128To127) {
    EXPECT_EQ(parse_priority(""), 0);
    EXPECT_EQ(parse_priority(" 5\n"), 5);
    EXPECT_EQ(parse_priority("+5"), 5);
    EXPECT_EQ(parse_priority("-128"), -128);
    EXPECT_EQ(parse_priority("127"), 127);
    for (const auto* bad : {"128", "-129", "1.5", "x", "1 2", "+"}) EXPECT_FALSE(parse_priority(bad)) << bad;
}

TEST(Rfc6121S8p5p4Table, Messages) {
    using enum MessageAction;
    struct Row {
        MessageType type;
        MessageAction to_nobody, to_bare_reachable, to_bare_not, to_full_connected, to_full_not;
    };
    constexpr Row kTable[]{
        {MessageType::normal, bounce, deliver, keep, deliver, bounce},
        {MessageType::chat, bounce, deliver, keep, deliver, as_bare},
        {MessageType::groupchat, bounce, bounce, bounce, deliver, bounce},
        {MessageType::headline, bounce, deliver, offer, deliver, drop},
        {MessageType::error, drop, drop, drop, deliver, drop},
    };
    for (const auto& row : kTable) {
        EXPECT_EQ(message_to_nobody(row.type), row.to_nobody);
        EXPECT_EQ(message_to_bare(row.type, true), row.to_bare_reachable);
        EXPECT_EQ(message_to_bare(row.type, false), row.to_bare_not);
        EXPECT_EQ(message_to_full(row.type, true), row.to_full_connected);
        EXPECT_EQ(message_to_full(row.type, false), row.to_full_not);
    }
}

}  // namespace
}  // namespace carillon::router
