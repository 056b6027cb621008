#include <gtest/gtest.h>

#include "signaling/net/pipe.h"
#include "signaling/net/ticket_keys.h"
#include "signaling/net/token_bucket.h"

namespace carillon::net {
namespace {

using namespace std::chrono_literals;

TEST(TokenBucket, LetsABurstPassAndThenARate) {
    const TokenBucket::Clock::time_point start{1h};
    TokenBucket bucket{10, 40};
    bucket.take(40, start);
    EXPECT_EQ(bucket.debt(), 0ms);
    bucket.take(5, start);
    EXPECT_EQ(bucket.debt(), 500ms);
    bucket.take(0, start + 500ms);
    EXPECT_EQ(bucket.debt(), 0ms);
    EXPECT_FALSE(bucket.try_take(start + 500ms));
    EXPECT_TRUE(bucket.try_take(start + 700ms));
    EXPECT_FALSE(bucket.full(start + 1s));
    EXPECT_TRUE(bucket.full(start + 10s));
}

TEST(TokenBucket, WithoutARateThereIsNoLimit) {
    TokenBucket bucket{0, 0};
    bucket.take(1e9, TokenBucket::Clock::time_point{1h});
    EXPECT_EQ(bucket.debt(), 0ms);
    EXPECT_TRUE(bucket.try_take(TokenBucket::Clock::time_point{1h}));
}

TEST(Rfc5077S4TicketKeys, ChangeAndOpenWhatTheOneBeforeSealed) {
    TicketKeys keys;
    const TicketKeys::Clock::time_point start{100h};
    const auto first = keys.current(start);
    TicketKeys::Key found;
    EXPECT_EQ(keys.find(first.name.data(), found, start + 7h), TicketKeys::Found::yes);
    EXPECT_EQ(found.cipher, first.cipher);
    EXPECT_EQ(keys.find(first.name.data(), found, start + 9h), TicketKeys::Found::old);
    EXPECT_NE(keys.current(start + 9h).name, first.name);
    EXPECT_EQ(keys.find(first.name.data(), found, start + 18h), TicketKeys::Found::no);
    EXPECT_EQ(keys.find(std::array<unsigned char, 16>{}.data(), found, start + 18h), TicketKeys::Found::no);
}

TEST(Pipe, IsBoundedAndWakesTheOtherSide) {
    auto [here, there] = make_pipe(8);
    int woken = 0;
    EXPECT_TRUE(there.in->wait_to_read([&] { ++woken; }));
    EXPECT_EQ(here.out->write("0123456789"), 8u);
    EXPECT_EQ(woken, 1);
    EXPECT_EQ(here.out->write("89"), 0u);
    EXPECT_TRUE(here.out->wait_to_write([&] { ++woken; }));
    std::array<char, 6> piece{};
    EXPECT_EQ(there.in->read(piece), 6u);
    EXPECT_EQ((std::string_view{piece.data(), 6}), "012345");
    EXPECT_EQ(woken, 2);
    here.close();
    EXPECT_EQ(there.in->read(piece), 2u) << "what was written is still read";
    EXPECT_EQ(there.in->read(piece), std::nullopt);
    EXPECT_EQ(there.out->write("x"), std::nullopt);
    EXPECT_FALSE(there.in->wait_to_read({}));
}

}  // namespace
}  // namespace carillon::net
