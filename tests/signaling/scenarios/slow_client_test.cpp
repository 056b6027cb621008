/// What becomes of messages when their recipient reads too slowly, or dies.
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>

#include "tests/signaling/scenarios/scenario.h"
#include "tests/signaling/scenarios/test_modules.h"

namespace carillon::scenarios {
namespace {

/// A folder that goes with the test.
struct Folder {
    explicit Folder(const std::string& name)
        : path{std::filesystem::temp_directory_path() / ("carillon-" + name + "-" + std::to_string(::getpid()))} {
        std::filesystem::remove_all(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    const std::filesystem::path path;
};

/// Reads from a fresh session of bob until `last` has come; answers the ids seen.
std::set<std::string> collect(World& world, const std::string& last) {
    auto bob = world.log_in("bob", "again");
    bob->send("<presence/>");
    std::set<std::string> ids;
    while (!ids.contains(last)) ids.emplace(bob->expect_element().attribute("id"));
    for (const auto& element : bob->drain("localhost")) ids.emplace(element.attribute("id"));
    return ids;
}

TEST(SlowClient, IsEndedAndWhatItDidNotTakeIsKept) {
    WorldOptions options;
    options.modules.push_back(keeper_module());
    options.streams.send_queue_bytes = 256 * 1024;
    World world{std::move(options)};
    auto bob = world.log_in("bob", "phone");
    bob->send("<presence/>");
    bob->drain("localhost");
    auto alice = world.log_in("alice", "desk");
    // Bob reads nothing from here on. The kernel takes some megabytes, the queue a quarter, then the session ends.
    const std::string body(20'000, 'x');
    std::size_t sent = 0;
    while (sent < 2000 && world.streams->counters().at("stream.too_slow") == 0) {
        alice->send("<message to='bob@localhost' type='chat' id='" + std::to_string(sent) + "'><body>" + body +
                    "</body></message>");
        if (++sent % 20 == 0) alice->drain("localhost");
    }
    ASSERT_GT(world.streams->counters().at("stream.too_slow"), 0u);
    alice->send("<message to='bob@localhost' type='chat' id='last'/>");
    EXPECT_TRUE(alice->drain("localhost").empty());
    // What the kernel took before may still be read; the rest must come to the next session.
    std::set<std::string> ids;
    try {
        for (;;) ids.emplace(bob->expect_element().attribute("id"));
    } catch (const std::exception&) {
    }
    bob->disconnect();
    for (const auto& id : collect(world, "last")) ids.insert(id);
    for (std::size_t i = 0; i < sent; ++i) EXPECT_TRUE(ids.contains(std::to_string(i))) << i << " of " << sent;
}

TEST(DyingClient, ItsSessionEndsAndLaterMessagesAreKept) {
    WorldOptions options;
    options.modules.push_back(keeper_module());
    World world{std::move(options)};
    run(world, R"(
        alice/desk connects
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives nothing
        bob/phone disconnects
        bob/phone is gone
        alice/desk sends
            <message to='bob@localhost' id='1'/>
        alice/desk receives nothing
        bob/phone connects
        bob/phone sends
            <presence/>
        bob/phone receives
            <message id='1'/>
    )");
}

TEST(FullInbox, HoldsItsSendersUpAndRefusesNobody) {
    WorldOptions options;
    options.modules.push_back(keeper_module());  // a millisecond a message: slower than alice
    options.sessions.inbox = 20;
    options.shards = 1;
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    constexpr int kMessages = 400;
    std::string all;
    for (int i = 1; i <= kMessages; ++i)
        all += "<message to='bob@localhost' type='chat' id='" + std::to_string(i) + "'><body>x</body></message>";
    alice->send(all);
    EXPECT_TRUE(alice->drain("localhost").empty());
    const auto ids = collect(world, std::to_string(kMessages));
    for (int i = 1; i <= kMessages; ++i) EXPECT_TRUE(ids.contains(std::to_string(i))) << i;
    EXPECT_GT(world.host->counters().at("route.held_up"), 0u);
    EXPECT_EQ(world.host->counters().at("session.inbox_overflows"), 0u);
}

TEST(FullInbox, TakesTheErrorsThatADeadStreamLeavesBehind) {
    const Folder folder{"inbox"};
    WorldOptions options;
    options.modules.push_back(keeper_module());
    options.sessions.inbox = 10;
    options.shards = 1;
    options.journal = folder.path;
    World world{std::move(options)};
    auto alice = world.log_in("alice", "desk");
    alice->send("<enable xmlns='urn:xmpp:sm:3'/>");
    EXPECT_EQ(alice->expect_element().name(), "enabled");
    constexpr int kMessages = 60;
    for (int i = 1; i <= kMessages; ++i)
        alice->send("<message to='nobody@localhost' id='" + std::to_string(i) + "'><body>x</body></message>");
    while (alice->expect_element().attribute("id") != std::to_string(kMessages)) {
    }
    alice->send("</stream:stream>");  // none of the errors has been acknowledged
    alice->disconnect();
    auto again = world.log_in("alice", "phone");
    again->send("<presence/>");  // and that of who comes finds room, too
    std::set<std::string> ids;
    while (ids.size() < kMessages) {
        const auto error = again->expect_element();
        if (error.attribute("type") == "error") ids.emplace(error.attribute("id"));
    }
}

TEST(Storage, ThatFailsGivesErrorsNotSilence) {
    World world;
    auto alice = world.log_in("alice", "desk");
    world.storage.fail_loads = true;
    alice->send("<message to='bob@localhost' id='1'/>");
    const auto reply = alice->expect_element();
    EXPECT_EQ(reply.attribute("type"), "error");
    EXPECT_TRUE(reply.child("error")->child("internal-server-error"));
    world.storage.fail_loads = false;
    alice->send("<message to='bob@localhost' id='2'/>");
    EXPECT_TRUE(alice->expect_element().child("error")->child("service-unavailable"));
}

}  // namespace
}  // namespace carillon::scenarios
