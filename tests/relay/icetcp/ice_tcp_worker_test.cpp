/// ICE over TCP through a whole worker: what is told, two shards, and a worker that is killed in the middle of a call.
#include <gtest/gtest.h>

#include <filesystem>

#include "relay/control/worker.h"
#include "tests/relay/icetcp/tcp_bench.h"

namespace carillon::relay {
namespace {

class IceTcpWorker : public testing::Test {
  protected:
    IceTcpWorker() : folder_{std::filesystem::temp_directory_path() / ("ice-tcp-" + std::to_string(::getpid()))} {
        std::filesystem::create_directories(folder_);
        begin();
    }
    ~IceTcpWorker() override {
        worker_.reset();
        std::filesystem::remove_all(folder_);
    }
    void begin() {
        WorkerOptions options;
        options.ports.first = static_cast<std::uint16_t>(26'000 + ::getpid() % 40 * 24);
        options.ports.last = static_cast<std::uint16_t>(options.ports.first + 19);
        options.ice_tcp_port = number_ = static_cast<std::uint16_t>(options.ports.last + 1);
        options.shards = 2;
        options.journal = folder_ / "worker.journal";
        worker_ = std::make_unique<Worker>(io_, options);
    }
    /// Killed by taking its journal away before it ends in order.
    void kill_and_begin_again() {
        std::filesystem::copy_file(folder_ / "worker.journal", folder_ / "kept");
        worker_.reset();
        std::filesystem::rename(folder_ / "kept", folder_ / "worker.journal");
        begin();
    }
    api::proto::Reply ask(const api::proto::Request& request) {
        std::optional<api::proto::Reply> reply;
        worker_->handle(request, [&](api::proto::Reply answer) { reply = std::move(answer); });
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!reply && std::chrono::steady_clock::now() < end) {
            io_.restart();
            io_.run_for(1ms);
        }
        return reply.value_or(api::proto::Reply{});
    }
    api::Ports open(const std::string& session, const api::StreamSetup& setup) {
        api::proto::Request request;
        request.mutable_open_stream()->set_session(session);
        api::to_proto(setup, *request.mutable_open_stream()->mutable_setup());
        const auto reply = ask(request);
        EXPECT_EQ(reply.refusal(), api::proto::REFUSAL_NONE) << reply.reason();
        return api::from_proto(reply.ports());
    }
    static api::LegSetup leg(const Names& names) {
        api::LegSetup out;
        out.use_ice = out.rtcp_mux = true;
        out.own_ice = {names.relay.ufrag, names.relay.pwd};
        out.ice = {{names.end.ufrag, names.end.pwd}};
        return out;
    }
    api::proto::WorkerStatus status() {
        api::proto::Request request;
        request.mutable_status();
        return ask(request).status();
    }
    static Packet next(TcpEnd& end) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (end.heard.empty() && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(1ms);
            end.look();
        }
        if (end.heard.empty()) return {};
        auto packet = end.heard.front();
        end.heard.pop_front();
        return packet;
    }
    static Packet next(const UdpEnd& end) {
        Packet packet;
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while ((packet = end.hear()).empty() && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(1ms);
        return packet;
    }

    std::filesystem::path folder_;
    boost::asio::io_context io_;
    std::uint16_t number_ = 0;
    std::unique_ptr<Worker> worker_;
};

TEST_F(IceTcpWorker, TellsItsPortForIceLegsAlone) {
    const Names alice{"alice"}, bob{"bob"};
    const auto bridged = open("1", {.stream = "s", .mode = api::Mode::bridge, .a = leg(alice), .b = {}});
    ASSERT_EQ(bridged.tcp_a.size(), 1U);
    EXPECT_EQ(bridged.tcp_a[0].ip, "127.0.0.1");
    EXPECT_TRUE(bridged.tcp_a[0].port == number_ || bridged.tcp_a[0].port == number_ + 1);
    EXPECT_TRUE(bridged.tcp_b.empty()) << "plain RTP";
    const auto forwarded = open("2", {.stream = "s", .mode = api::Mode::ice, .rtcp = true, .a = {}, .b = {}});
    EXPECT_EQ(forwarded.tcp_a.size(), 2U) << "both components";
    EXPECT_EQ(forwarded.tcp_b.size(), 2U);
    EXPECT_TRUE(open("3", {.stream = "s", .mode = api::Mode::plain, .a = {}, .b = {}}).tcp_a.empty());
    EXPECT_EQ(open("2", {.stream = "s", .mode = api::Mode::ice, .rtcp = true, .a = {}, .b = {}}).tcp_a, forwarded.tcp_a)
        << "a repeated request";
}

TEST_F(IceTcpWorker, EachShardHasItsOwnAndAStrangerIsCounted) {
    for (const std::string name : {"x", "y", "z"}) {
        const Names one{name + "-one"}, two{name + "-two"};
        const auto ports = open(name, {.stream = "s", .mode = api::Mode::bridge, .a = leg(one), .b = leg(two)});
        TcpEnd a{ports.tcp_a[0].port};
        const UdpEnd b{ports.b[0].port};
        a.say(check(one.relay, one.end, true));
        EXPECT_TRUE(is(next(a), stun::Class::success));
        b.say(check(two.relay, two.end, true));
        EXPECT_TRUE(is(next(b), stun::Class::success));
        for (std::uint16_t i = 0; i < 100; ++i) a.say(rtp(i));
        for (std::uint16_t i = 0; i < 100; ++i) ASSERT_EQ(next(b), rtp(i));
        b.say(rtp(7));
        EXPECT_EQ(next(a), rtp(7));
        EXPECT_EQ(status().ice_tcp_connections(), 1U);
        TcpEnd stranger{ports.tcp_a[0].port};
        stranger.say(rtp(1));
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!stranger.ended && std::chrono::steady_clock::now() < deadline) stranger.look();
        EXPECT_TRUE(stranger.ended);
        api::proto::Request close;
        close.mutable_close_stream()->set_session(name);
        ask(close);
        while (!a.ended && std::chrono::steady_clock::now() < deadline) a.look();
        EXPECT_TRUE(a.ended) << "with its stream";
    }
    EXPECT_EQ(status().drops().at("ice_tcp_unproven"), 3U);
    EXPECT_EQ(status().ice_tcp_connections(), 0U);
}

TEST_F(IceTcpWorker, AnEndComesBackToAWorkerThatWasKilled) {
    const Names alice{"alice"}, bob{"bob"};
    const auto ports = open("call", {.stream = "s", .mode = api::Mode::bridge, .a = leg(alice), .b = leg(bob)});
    const UdpEnd b{ports.b[0].port};
    b.say(check(bob.relay, bob.end, true));
    EXPECT_TRUE(is(next(b), stun::Class::success));
    TcpEnd before{ports.tcp_a[0].port};
    before.say(check(alice.relay, alice.end, true));
    EXPECT_TRUE(is(next(before), stun::Class::success));
    before.say(rtp(1));
    EXPECT_EQ(next(b), rtp(1));
    kill_and_begin_again();
    EXPECT_EQ(worker_->sessions(), 1U);
    TcpEnd a{ports.tcp_a[0].port};
    a.say(check(alice.relay, alice.end, true));
    EXPECT_TRUE(is(next(a), stun::Class::success)) << "on the same shard's port";
    a.say(rtp(2));
    EXPECT_EQ(next(b), rtp(2)) << "who is where he was";
    b.say(rtp(3));
    EXPECT_EQ(next(a), rtp(3));
}

}  // namespace
}  // namespace carillon::relay
