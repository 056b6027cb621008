/// Sounds on their way to a worker that does not have this machine's files.
#include "signaling/calls/sound_courier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>

#include "relay/control/server.h"

namespace carillon::calls {
namespace {

using namespace std::chrono_literals;
namespace api = relay::api;

class Courier : public testing::Test {
  protected:
    Courier() {
        std::filesystem::create_directories(folder);
        bool connected = false;
        client->connect([&](const auto& done) { connected = done.has_value(); });
        until([&] { return connected; });
    }
    ~Courier() override { std::filesystem::remove_all(folder); }

    static relay::WorkerOptions options() {
        relay::WorkerOptions out;
        out.ports.bind = {"127.0.0.1"};
        out.ports.first = static_cast<std::uint16_t>(21'000 + ::getpid() % 100 * 20);
        out.ports.last = static_cast<std::uint16_t>(out.ports.first + 19);
        return out;
    }
    void until(const std::function<bool()>& reached) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!reached() && std::chrono::steady_clock::now() < deadline) {
            io.restart();
            io.run_one_for(20ms);
        }
        ASSERT_TRUE(reached());
    }
    /// A WAV file of noise.
    std::string file(const std::string& name, std::size_t samples) {
        const auto path = folder / name;
        std::ofstream out{path, std::ios::binary};
        const auto u32 = [&](std::uint32_t value) { out.write(reinterpret_cast<const char*>(&value), 4); };
        const auto size = static_cast<std::uint32_t>(2 * samples);
        out << "RIFF", u32(36 + size), out << "WAVEfmt ", u32(16), u32(0x0001'0001), u32(8000), u32(16'000);
        u32(0x0010'0002), out << "data", u32(size);
        std::mt19937 random{static_cast<unsigned>(samples)};
        for (std::size_t i = 0; i < samples / 2; ++i) u32(static_cast<std::uint32_t>(random()));
        return path.string();
    }
    static api::Program playing(const std::vector<std::string>& files) {
        api::Program out{.kind = api::Program::Kind::endpoint, .a = {.codec = "PCMU"}};
        out.source = {.kind = api::Source::Kind::clips, .clips = {}, .loop = true};
        for (const auto& each : files) out.source.clips.push_back({.file = each});
        return out;
    }
    std::expected<api::Program, api::Error> deliver(const api::Program& program) {
        std::optional<std::expected<api::Program, api::Error>> answer;
        courier.deliver(client, known, program, [&](auto sent) { answer = std::move(sent); });
        until([&] { return answer.has_value(); });
        return *answer;
    }
    bool opens(const api::Program& program, const std::string& session) {
        std::optional<bool> answer;
        api::StreamSetup setup{.stream = "s1", .mode = api::Mode::bridge};
        setup.program = program;
        client->open_stream(session, setup, [&](const auto& ports) { answer = ports.has_value(); });
        until([&] { return answer.has_value(); });
        return *answer;
    }

    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("courier_test." + std::to_string(::getpid()));
    std::string socket = folder.string() + ".sock";
    boost::asio::io_context io;
    relay::Worker worker{io, options()};
    relay::ControlServer server{io, socket, worker};
    std::shared_ptr<api::Client> client = std::make_shared<api::Client>(io, socket);
    SoundCourier courier;
    SoundCourier::Known known = std::make_shared<std::set<std::string>>();
};

TEST_F(Courier, BringsSoundsInPieces) {
    const auto sent = deliver(playing({file("long.wav", 200'000), file("short.wav", 100)}));
    ASSERT_TRUE(sent) << sent.error().reason;
    for (const auto& clip : sent->source.clips) {
        EXPECT_TRUE(clip.file.empty());
        EXPECT_EQ(clip.sound.size(), 64U);
    }
    EXPECT_EQ(known->size(), 2U);
    EXPECT_TRUE(opens(*sent, "call")) << "the worker plays them";
}

TEST_F(Courier, BringsASoundOnce) {
    const auto path = file("music.wav", 1000);
    ASSERT_TRUE(deliver(playing({path, path})));
    EXPECT_EQ(known->size(), 1U);
    client->close();
    EXPECT_TRUE(deliver(playing({path}))) << "nothing has to be said to the worker";
}

TEST_F(Courier, MusicOnHoldAsWell) {
    auto program = playing({});
    program.instead[1] = playing({file("hold.wav", 1000)}).source;
    const auto sent = deliver(program);
    ASSERT_TRUE(sent);
    EXPECT_FALSE(sent->instead[1]->clips[0].sound.empty());
}

TEST_F(Courier, TonesAndPipelinesGoAsTheyAre) {
    auto program = playing({});
    program.source.clips = {{.file = {}, .tone_hz = 440, .duration = 1s}, {.file = {}, .pipeline = "audiotestsrc"}};
    const auto sent = deliver(program);
    ASSERT_TRUE(sent);
    EXPECT_EQ(*sent, program);
}

TEST_F(Courier, SaysWhatIsWrong) {
    const auto missing = deliver(playing({"/nowhere/at/all.wav"}));
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().reason.find("/nowhere/at/all.wav"), std::string::npos);
    const auto path = file("late.wav", 1000);
    client->close();
    EXPECT_FALSE(deliver(playing({path})));
    client.reset();
    EXPECT_FALSE(deliver(playing({path})));
}

TEST_F(Courier, ASoundThatTheWorkerHasForgottenIsRefused) {
    EXPECT_FALSE(opens(
        [] {
            auto program = playing({});
            program.source.clips = {{.file = {}, .sound = std::string(64, 'a')}};
            return program;
        }(),
        "call"));
}

}  // namespace
}  // namespace carillon::calls
