/// Spec: XEP-0198 §4.
#include "signaling/stream/stream_management.h"

#include <gtest/gtest.h>

namespace carillon::stream {
namespace {

std::string text(int number, std::string_view name = "message") {
    return "<" + std::string{name} + " id='" + std::to_string(number) + "'/>";
}

std::string ids(const std::vector<session::Undelivered>& messages) {
    std::string all;
    for (const auto& undelivered : messages) all += std::string{undelivered.message.attribute("id")} + ' ';
    return all;
}

TEST(StreamManagement, CountsAreWholeUnsignedInts) {
    EXPECT_EQ(parse_count("0"), 0u);
    EXPECT_EQ(parse_count("4294967295"), 4294967295u);
    for (const auto* bad : {"", "-1", "+1", "4294967296", "1x", " 1", "0x1"}) EXPECT_FALSE(parse_count(bad)) << bad;
}

TEST(StreamManagement, ReplaysWhatIsNotAcknowledged) {
    StreamManagement stream{"id", std::chrono::seconds{60}};
    for (int i = 1; i <= 4; ++i) stream.sent(text(i), true, nullptr, {});
    EXPECT_TRUE(stream.should_ask({}));
    EXPECT_TRUE(stream.acknowledge(2));
    std::string again;
    stream.replay([&](std::string_view stanza) { again += stanza; });
    EXPECT_EQ(again, text(3) + text(4));
    EXPECT_EQ(stream.octets(), again.size());
    EXPECT_TRUE(stream.acknowledge(1)) << "an older count changes nothing";
    EXPECT_EQ(stream.unacknowledged(), 2u);
    EXPECT_FALSE(stream.acknowledge(5));
    EXPECT_EQ(stream.unacknowledged(), 2u) << "nor does one that lies";
    EXPECT_TRUE(stream.acknowledge(4));
    EXPECT_FALSE(stream.should_ask({}));
}

TEST(StreamManagement, AsksAtOnceForWhatMattersAndNowAndThenForTheRest) {
    StreamManagement stream{"id", std::chrono::seconds{60}};
    const SteadyTime start{std::chrono::hours{1}};
    const auto presence = [&] { stream.sent(text(1, "presence"), false, nullptr, {}); };
    const auto answer = [&] {
        EXPECT_TRUE(stream.acknowledge(stream.sent_count()));
        stream.answered();
    };
    presence();
    EXPECT_TRUE(stream.should_ask(start)) << "nothing was asked for a while";
    stream.asked(start);
    presence();
    EXPECT_FALSE(stream.should_ask(start + StreamManagement::kPace)) << "one question at a time";
    answer();
    presence();
    EXPECT_FALSE(stream.should_ask(start));
    EXPECT_TRUE(stream.should_ask(start + StreamManagement::kPace));
    stream.press();
    EXPECT_TRUE(stream.should_ask(start));
    stream.asked(start);
    answer();
    for (std::size_t i = 1; i < StreamManagement::kUnasked; ++i) presence();
    EXPECT_FALSE(stream.should_ask(start));
    presence();
    EXPECT_TRUE(stream.should_ask(start)) << "so many are never left open";
}

TEST(StreamManagement, OnlyMessagesFindAnotherWay) {
    StreamManagement stream{"", std::chrono::seconds{0}};
    EXPECT_FALSE(stream.resumable());
    stream.sent(text(1), true, nullptr, {});
    stream.sent(text(2, "presence"), false, nullptr, {});
    stream.sent(text(3), true, nullptr, {});
    EXPECT_EQ(ids(stream.take_messages()), "1 3 ");
    EXPECT_EQ(ids(stream.take_messages()), "");
}

/// Notes what becomes of it.
class Witness final : public xmpp::Custody {
  public:
    void reached() override { reached_ = true; }
    bool has_reached() const override { return reached_; }
    void waits_for(std::uint64_t of, std::uint32_t number) override {
        ++waiting;
        stream = of;
        sequence = number;
    }
    void waits_no_more() override { --waiting; }
    bool awaited() const override { return waiting > 0; }
    void leave() override { left = true; }

    int waiting = 0;
    std::uint64_t stream = 0;
    std::uint32_t sequence = 0;
    bool left = false;

  private:
    bool reached_ = false;
};

TEST(StreamManagement, CustodyEndsWithTheAcknowledgement) {
    StreamManagement stream{"id", std::chrono::seconds{60}};
    const auto first = std::make_shared<Witness>();
    const auto second = std::make_shared<Witness>();
    stream.sent(text(1), true, first, {});
    stream.sent(text(2), true, second, {});
    EXPECT_EQ(second->stream, stream_tag("id"));
    EXPECT_EQ(second->sequence, 2u);
    EXPECT_TRUE(stream.acknowledge(1));
    EXPECT_TRUE(first->has_reached());
    EXPECT_EQ(first.use_count(), 1);
    EXPECT_FALSE(second->has_reached());
    EXPECT_TRUE(second->awaited());
    EXPECT_TRUE(stream.leave_messages().empty());
    EXPECT_TRUE(second->left);
}

}  // namespace
}  // namespace carillon::stream
