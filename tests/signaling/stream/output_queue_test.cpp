#include "signaling/stream/output_queue.h"

#include <gtest/gtest.h>

namespace carillon::stream {
namespace {

xml::Element message(std::string_view id) {
    xml::Element element{"message", "jabber:client"};
    element.set("id", id);
    element.add("body").add_text("<&> text");
    return element;
}

std::vector<std::string> ids(const std::vector<session::Undelivered>& messages) {
    std::vector<std::string> found;
    for (const auto& undelivered : messages) found.emplace_back(undelivered.message.attribute("id"));
    return found;
}

TEST(OutputQueue, WritesWhatWasPushedInOrder) {
    OutputQueue queue;
    EXPECT_TRUE(queue.empty());
    queue.push(message("1"), true);
    queue.push_text(" ");
    const std::string text{queue.batch()};
    EXPECT_EQ(text, R"(<message id="1"><body>&lt;&amp;&gt; text</body></message> )");
    queue.push(message("2"), true);
    EXPECT_EQ(queue.batch(), text) << "a batch under way does not change";
    queue.written(5);
    EXPECT_EQ(queue.batch(), text.substr(5));
    queue.written(text.size() - 5);
    EXPECT_NE(queue.batch().find(R"(id="2")"), std::string_view::npos);
    queue.written(queue.bytes());
    EXPECT_TRUE(queue.empty());
    EXPECT_TRUE(queue.undelivered().empty());
}

TEST(OutputQueue, GivesBackWhatWasNotWhollyWritten) {
    OutputQueue queue;
    queue.push(message("1"), true);
    const auto first = queue.bytes();
    queue.push(message("2"), true);
    queue.push(message("not kept"), false);
    (void)queue.batch();
    queue.written(first + 3);  // the second has begun
    queue.push(message("3"), true);
    const auto rest = queue.undelivered();
    EXPECT_EQ(ids(rest), (std::vector<std::string>{"2", "3"}));
    EXPECT_EQ(rest.front().message, message("2"));
    EXPECT_TRUE(queue.undelivered().empty()) << "once only";
    EXPECT_FALSE(queue.batch().empty()) << "the batch under way is still to be finished";
}

TEST(OutputQueue, AfterTheSealNothingMoreGoesOut) {
    OutputQueue queue;
    queue.push_text("</stream:stream>");
    queue.seal();
    queue.push(message("late"), true);
    queue.push(message("lost"), false);
    EXPECT_EQ(queue.batch(), "</stream:stream>");
    EXPECT_EQ(ids(queue.undelivered()), (std::vector<std::string>{"late"}));
}

}  // namespace
}  // namespace carillon::stream
