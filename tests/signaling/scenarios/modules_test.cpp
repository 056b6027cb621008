/// Modules that come and go while users are online; plugins from shared objects.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/signaling/scenarios/scenario.h"
#include "tests/signaling/scenarios/test_modules.h"

namespace carillon::scenarios {
namespace {

std::unique_ptr<World> make_world(std::vector<std::string> plugins = {}) {
    WorldOptions options;
    options.modules.push_back(echo_module());
    options.modules.push_back(keeper_module());
    options.plugins = std::move(plugins);
    return std::make_unique<World>(std::move(options));
}

TEST(Repository, LoadsAndUnloadsWhileUsersAreOnline) {
    auto world = make_world();
    auto& repository = world->host->repository();
    auto alice = world->log_in("alice", "desk");
    const auto ask = [&] {
        alice->send("<iq to='localhost' type='get' id='1'><echo xmlns='urn:example:echo'/></iq>");
        return std::string{alice->expect_element().attribute("type")};
    };
    EXPECT_EQ(ask(), "result");
    ASSERT_TRUE(repository.unload("localhost", "echo"));
    EXPECT_EQ(ask(), "error");
    EXPECT_FALSE(repository.unload("localhost", "echo"));
    ASSERT_TRUE(repository.load("localhost", "echo"));
    EXPECT_EQ(ask(), "result");
    EXPECT_FALSE(repository.load("localhost", "nonsense"));
    EXPECT_FALSE(repository.reload("elsewhere.example", "echo"));
}

TEST(Repository, AFailedStartLeavesTheModuleOutAndSaysWhy) {
    WorldOptions options;
    options.modules.push_back(echo_module());
    auto second = echo_module();  // wants the same iq keys
    second.info.name = "echo_twin";
    second.enabled_by_default = false;
    options.modules.push_back(second);
    World world{std::move(options)};
    const auto loaded = world.host->repository().load("localhost", "echo_twin");
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().find("two modules handle"), std::string::npos) << loaded.error();
    EXPECT_FALSE(world.host->repository().unload("localhost", "echo_twin"));
}

/// The heart of it: three users talk and ask without pause while both modules are reloaded again and again. Nothing is
/// lost, nothing refused, no session ends.
TEST(Repository, ReloadsUnderTrafficWithoutDroppingAnything) {
    auto world = make_world();
    std::atomic<bool> stop{false};
    std::atomic<unsigned> rounds{0};
    std::vector<std::thread> users;
    std::atomic<unsigned> wrong{0};
    for (const std::string user : {"alice", "bob", "carol"}) {
        users.emplace_back([&, user] {
            auto client = world->log_in(user, "desk");
            client->send("<presence/>");
            for (unsigned i = 0; !stop || i < 5; ++i) {
                const auto id = std::to_string(i);
                client->send("<iq to='localhost' type='get' id='g" + id + "'><echo xmlns='urn:example:echo'/></iq>" +
                             "<iq type='set' id='s" + id + "'><echo xmlns='urn:example:echo'/></iq>" + "<message to='" +
                             user + "@localhost' type='chat' id='m" + id + "'/>");
                std::set<std::string> got;
                for (int expected = 0; expected < 3; ++expected) {
                    const auto element = client->expect_element();
                    if (element.attribute("type") == "error") ++wrong;
                    got.emplace(element.attribute("id"));
                }
                if (got != std::set<std::string>{"g" + id, "s" + id, "m" + id}) ++wrong;
                ++rounds;
            }
        });
    }
    for (int i = 0; i < 40; ++i) {
        const auto* module = i % 2 ? "echo" : "keeper";
        EXPECT_TRUE(world->host->repository().reload("localhost", module));
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    EXPECT_EQ(world->host->sessions().size(), 3u);
    stop = true;
    for (auto& user : users) user.join();
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(rounds, 15u);
    EXPECT_EQ(world->streams->counters().at("stream.stream_errors"), 0u);
}

TEST(Plugin, ASharedObjectBringsItsModules) {
    auto world = make_world({CARILLON_GREETER_PLUGIN});
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq to='localhost' type='get' id='1'><hello xmlns='urn:example:greeter'/></iq>
        alice/desk receives
            <iq type='result' id='1'><hello xmlns='urn:example:greeter'>hello, alice</hello></iq>
    )");
    ASSERT_TRUE(world->host->repository().reload("localhost", "greeter"));
    runtime::ModuleSelection choice;
    choice.settings["greeter"] =
        config::Value{config::Value::Table{{"greeting", config::Value{std::string{"good day"}}}}};
    ASSERT_TRUE(world->host->repository().apply("localhost", choice));
    run(*world, R"(
        alice/desk connects
        alice/desk sends
            <iq to='localhost' type='get' id='1'><hello xmlns='urn:example:greeter'/></iq>
        alice/desk receives
            <iq type='result' id='1'><hello xmlns='urn:example:greeter'>good day, alice</hello></iq>
    )");
}

TEST(Plugin, WhatIsNoneIsRefusedWithTheReason) {
    auto world = make_world();
    auto& repository = world->host->repository();
    const auto missing = repository.add_plugin("/nonexistent/plugin.so");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().find("cannot load plugin"), std::string::npos);
    const auto twice = repository.add_plugin(CARILLON_GREETER_PLUGIN);
    EXPECT_TRUE(twice);
    EXPECT_FALSE(repository.add_plugin(CARILLON_GREETER_PLUGIN));
}

}  // namespace
}  // namespace carillon::scenarios
