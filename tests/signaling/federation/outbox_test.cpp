/// Spec: XEP-0198 §4 between servers: what is not acknowledged is written again.
#include "signaling/federation/outbox.h"

#include <gtest/gtest.h>

#include "signaling/federation/acks.h"

namespace carillon::federation {
namespace {

constexpr Way::Written counted(std::uint32_t number) { return {.done = true, .counted = true, .number = number}; }
constexpr Way::Written kUncounted{.done = true, .counted = false, .number = 0};
constexpr Way::Written kBroken{.done = false, .counted = true, .number = 0};

struct OutboxTest : testing::Test {
    bool push(int number) {
        auto message =
            xmpp::Stanza::message(*xmpp::Jid::parse("a@here.example"), *xmpp::Jid::parse("b@there.example"), "chat");
        message.element().set("id", std::to_string(number));
        return outbox.push(message);
    }
    std::vector<std::string> left() {
        std::vector<std::string> ids;
        for (const auto& stanza : outbox.take_all()) ids.emplace_back(stanza.id());
        return ids;
    }
    Outbox outbox{4, 100'000};
};

using Xep0198S4Outbox = OutboxTest;

TEST_F(Xep0198S4Outbox, WithoutAcksWhatIsWrittenIsSettled) {
    push(1);
    push(2);
    EXPECT_EQ(outbox.take(100'000).count, 2U);
    outbox.written(kUncounted);
    EXPECT_TRUE(outbox.empty());
    EXPECT_EQ(outbox.settled(), 2U);
}

TEST_F(Xep0198S4Outbox, WithAcksItIsKeptUntilItIsAcknowledged) {
    for (int i = 1; i <= 3; ++i) push(i);
    outbox.take(100'000);
    outbox.written(counted(3));
    EXPECT_EQ(outbox.sent(), 3U);
    outbox.acknowledged(2);
    EXPECT_EQ(outbox.sent(), 1U);
    outbox.acknowledged(2);
    EXPECT_EQ(outbox.settled(), 2U);
    outbox.retry();
    EXPECT_EQ(left(), std::vector<std::string>{"3"});
}

TEST_F(Xep0198S4Outbox, AnAckMayOvertakeTheNewsOfItsBatch) {
    push(1);
    outbox.take(100'000);
    outbox.written(counted(1));
    push(2);
    outbox.take(100'000);
    outbox.acknowledged(2);
    EXPECT_EQ(outbox.sent(), 2U);  // number 2 is not known to have been written
    outbox.written(counted(2));
    EXPECT_TRUE(outbox.empty());
}

TEST_F(Xep0198S4Outbox, ABrokenStreamLosesNothingAndKeepsTheOrder) {
    for (int i = 1; i <= 3; ++i) push(i);
    outbox.take(1);  // the first one alone
    outbox.written(counted(1));
    outbox.take(1);
    outbox.written(kBroken);
    EXPECT_EQ(outbox.sent(), 2U);
    outbox.retry();
    EXPECT_EQ(outbox.sent(), 0U);
    EXPECT_EQ(left(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(Xep0198S4Outbox, CountersWrapAround) {
    push(1);
    outbox.take(1);
    outbox.written(counted(0xffffffffU));
    push(2);
    outbox.take(1);
    outbox.written(counted(0));
    outbox.acknowledged(0xffffffffU);
    EXPECT_EQ(outbox.sent(), 1U);
    outbox.acknowledged(0);
    EXPECT_TRUE(outbox.empty());
}

TEST_F(Xep0198S4Outbox, ANewStreamCountsAnew) {
    push(1);
    outbox.take(1);
    outbox.written(counted(7));
    outbox.retry();
    outbox.take(1);
    outbox.written(counted(1));
    outbox.acknowledged(0);
    EXPECT_EQ(outbox.sent(), 1U);
    outbox.acknowledged(1);
    EXPECT_TRUE(outbox.empty());
}

TEST_F(Xep0198S4Outbox, IsBoundedInStanzasAndOctets) {
    for (int i = 1; i <= 4; ++i) EXPECT_TRUE(push(i));
    EXPECT_FALSE(push(5));
    outbox.take(100'000);
    outbox.written(counted(4));
    EXPECT_TRUE(outbox.full());  // no more is written before acks come
    EXPECT_TRUE(push(5));
    Outbox small{100, 10};
    auto message =
        xmpp::Stanza::message(*xmpp::Jid::parse("a@here.example"), *xmpp::Jid::parse("b@there.example"), "chat");
    EXPECT_FALSE(small.push(message));
    EXPECT_EQ(message.to().domain(), "there.example") << "a refused stanza is left as it was: it bounces";
}

TEST(Xep0198S4Ack, TakesNumbersOf32BitsAlone) {
    const auto handled = [](std::string_view h) {
        xml::Element a{"a", kAcks};
        a.set("h", h);
        return handled_of(a);
    };
    EXPECT_EQ(handled("0"), 0U);
    EXPECT_EQ(handled("4294967295"), 4294967295U);
    for (const auto* wrong : {"", "-1", "4294967296", "1x", " 1", "0x1"}) EXPECT_FALSE(handled(wrong)) << wrong;
    EXPECT_EQ(ack(5), "<a xmlns='urn:xmpp:sm:3' h='5'/>");
}

TEST(Xep0198S4Ack, OfMoreThanWasSentIsImplausible) {
    EXPECT_TRUE(plausible(3, 3));
    EXPECT_TRUE(plausible(0xffffffffU, 1));
    EXPECT_FALSE(plausible(4, 3));
}

}  // namespace
}  // namespace carillon::federation
