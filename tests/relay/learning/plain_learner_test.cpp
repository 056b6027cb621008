#include "relay/learning/plain_learner.h"

#include <gtest/gtest.h>

namespace carillon::relay {
namespace {

Path path(std::uint8_t last) {
    Path made{.socket = 0, .address = {.port = 4000}};
    made.address.ip[3] = last;
    return made;
}

std::vector<std::byte> rtp(std::uint16_t sequence, std::uint32_t ssrc = 7) {
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(sequence), out.u32(160u * sequence), out.u32(ssrc);
    out.zeros(160);
    return out.release();
}

TEST(PlainLearner, TheSignalledAddressIsBelievedAtOnce) {
    PlainLearner learner{3};
    learner.signalled(path(1));
    EXPECT_EQ(learner.target(), path(1)) << "media may go there before any came";
    EXPECT_EQ(learner.on_media(rtp(1), path(1)), Drop::none);
    EXPECT_EQ(learner.learned(), path(1));
    EXPECT_EQ(learner.on_media(rtp(2), path(2)), Drop::unproven) << "from then on strictly";
}

TEST(PlainLearner, ANatIsLearnedFromARunOfOneStream) {
    PlainLearner learner{3};
    learner.signalled(path(1));
    EXPECT_EQ(learner.on_media(rtp(10), path(2)), Drop::unproven);
    EXPECT_EQ(learner.on_media(rtp(11), path(2)), Drop::unproven);
    EXPECT_EQ(learner.on_media(rtp(12), path(2)), Drop::none);
    EXPECT_EQ(learner.target(), path(2));
    EXPECT_EQ(learner.on_media(rtp(13), path(3)), Drop::unproven) << "once";
    EXPECT_EQ(learner.on_media(rtp(14), path(2)), Drop::none);
}

TEST(PlainLearner, ASprayOfPacketsTeachesNothing) {
    PlainLearner learner{3};
    learner.signalled(path(1));
    for (std::uint16_t i = 0; i < 100; ++i) {
        EXPECT_EQ(learner.on_media(rtp(static_cast<std::uint16_t>(i * 7), i), path(9)), Drop::unproven);
    }
    EXPECT_EQ(learner.target(), path(1));
}

TEST(PlainLearner, TheSignalledAddressWinsOverAGuess) {
    PlainLearner learner{1};
    learner.signalled(path(1));
    EXPECT_EQ(learner.on_media(rtp(1), path(9)), Drop::none);
    EXPECT_EQ(learner.on_media(rtp(1), path(1)), Drop::none);
    EXPECT_EQ(learner.target(), path(1));
    EXPECT_EQ(learner.on_media(rtp(2), path(9)), Drop::unproven);
}

TEST(PlainLearner, ANewSignalledAddressReopensLearning) {
    PlainLearner learner{3};
    learner.signalled(path(1));
    learner.on_media(rtp(1), path(1));
    learner.signalled(path(1));
    EXPECT_EQ(learner.learned(), path(1)) << "said again: nothing changes";
    learner.signalled(path(2));
    EXPECT_EQ(learner.target(), path(2));
    EXPECT_EQ(learner.on_media(rtp(2), path(1)), Drop::unproven);
}

TEST(PlainLearner, OpenPortsTakeTheFirstSource) {
    PlainLearner learner{1};
    EXPECT_TRUE(learner.target().empty());
    EXPECT_EQ(learner.on_media(rtp(1), path(4)), Drop::none);
    EXPECT_EQ(learner.on_media(rtp(1), path(5)), Drop::unproven);
}

}  // namespace
}  // namespace carillon::relay
