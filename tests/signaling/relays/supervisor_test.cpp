#include "signaling/relays/supervisor.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "signaling/relays/command_lines.h"

namespace carillon::relays {
namespace {

using namespace std::chrono_literals;

TEST(CommandLines, ShareThePortsAndAnswerStunOnce) {
    config::Settings settings;
    settings.data.dir = "/data";
    settings.relay.workers = 2;
    settings.relay.bind = {"127.0.0.1"};
    settings.relay.external = {"/run/other.sock"};
    settings.network.bind = {"127.0.0.1"};
    const auto lines = command_lines(settings, "/bin/worker");
    ASSERT_EQ(lines.size(), 2u);
    const auto has = [](const WorkerCommand& line, const std::string& option, const std::string& value) {
        for (std::size_t i = 0; i + 1 < line.arguments.size(); ++i)
            if (line.arguments[i] == option && line.arguments[i + 1] == value) return true;
        return false;
    };
    EXPECT_TRUE(has(lines[0], "--ports", "30000-34999"));
    EXPECT_TRUE(has(lines[1], "--ports", "35000-39999"));
    EXPECT_TRUE(has(lines[0], "--stun-bind", "127.0.0.1"));
    EXPECT_FALSE(has(lines[1], "--stun-bind", "127.0.0.1"));
    EXPECT_TRUE(has(lines[1], "--control", "/data/relay-2.sock"));
    EXPECT_TRUE(has(lines[0], "--turn-secret-file", "/data/turn.secret"));
    EXPECT_TRUE(has(lines[0], "--turn-peer-ports", "30000-39999"));
    EXPECT_FALSE(has(lines[1], "--turn-secret-file", "/data/turn.secret"));
    EXPECT_EQ(control_sockets(settings).size(), 3u);
    settings.relay.ice_port = 10'000;
    settings.relay.shards = 3;
    const auto shared = command_lines(settings, "/bin/worker");
    EXPECT_TRUE(has(shared[0], "--ice-port", "10000"));
    EXPECT_TRUE(has(shared[1], "--ice-port", "10003"));
    EXPECT_FALSE(has(shared[0], "--ice-tcp-port", "0"));
    settings.relay.ice_tcp_port = 4443;
    const auto over_tcp = command_lines(settings, "/bin/worker");
    EXPECT_TRUE(has(over_tcp[0], "--ice-tcp-port", "4443"));
    EXPECT_TRUE(has(over_tcp[1], "--ice-tcp-port", "4446"));
    settings.relay.enabled = false;
    EXPECT_TRUE(command_lines(settings, "x").empty());
    EXPECT_TRUE(control_sockets(settings).empty());
}

TEST(CommandLines, WildcardsAreToldAsAnAddress) {
    EXPECT_EQ(address_to_tell("192.0.2.7"), "192.0.2.7");
    EXPECT_NE(address_to_tell("0.0.0.0"), "0.0.0.0");
    EXPECT_FALSE(address_to_tell("0.0.0.0").empty());
}

TEST(Supervisor, StartsAgainWhatDiesAndEndsWhatRuns) {
    const auto log = std::filesystem::temp_directory_path() / ("supervisor_test." + std::to_string(::getpid()));
    boost::asio::io_context io;
    const auto shell = [&](const std::string& name, const std::string& script) {
        return WorkerCommand{.name = name, .socket = {}, .program = "/bin/sh", .arguments = {"-c", script}};
    };
    Supervisor supervisor{io,
                          {shell("dies", "echo x >> " + log.string() + "; exit 3"),
                           shell("stays", "trap '' TERM; while :; do sleep 0.1; done")}};
    supervisor.start();
    io.run_for(1200ms);  // pauses of 200, 400 ms: three lives at least
    supervisor.stop();
    std::ifstream file{log};
    int lives = 0;
    for (std::string line; std::getline(file, line);) ++lives;
    EXPECT_GE(lives, 2);
    EXPECT_LE(lives, 5) << "it is given time between";
    std::filesystem::remove(log);
}

}  // namespace
}  // namespace carillon::relays
