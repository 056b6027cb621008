/// Which legs a worker gives a seat at its ICE port, and which ports of their own.
#include "relay/control/ice_ports.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "relay/control/worker.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPassword = "a-password-of-22-or-more";

api::LegSetup ice_leg(const std::string& name) {
    api::LegSetup leg;
    leg.use_ice = leg.rtcp_mux = true;
    leg.own_ice = {name, std::string{kPassword}};
    leg.ice = {{"phone", std::string{kPassword}}};
    return leg;
}

class IcePortsTest : public testing::Test {
  protected:
    IcePortsTest() {
        options.ports.first = static_cast<std::uint16_t>(26'000 + ::getpid() % 50 * 20);
        options.ports.last = static_cast<std::uint16_t>(options.ports.first + 17);
        options.ice_port = static_cast<std::uint16_t>(options.ports.last + 1);
        worker = std::make_unique<Worker>(io, options);
    }
    api::proto::Reply ask(const api::proto::Request& request) {
        std::optional<api::proto::Reply> reply;
        worker->handle(request, [&](api::proto::Reply answer) { reply = std::move(answer); });
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (!reply && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_for(1ms);
        }
        return reply.value_or(api::proto::Reply{});
    }
    api::proto::Reply open(const std::string& session, const api::LegSetup& a, const api::LegSetup& b,
                           bool rtcp = false, api::Mode mode = api::Mode::bridge) {
        api::proto::Request request;
        request.mutable_open_stream()->set_session(session);
        api::to_proto({.stream = "s", .mode = mode, .rtcp = rtcp, .a = a, .b = b},
                      *request.mutable_open_stream()->mutable_setup());
        return ask(request);
    }
    api::proto::Reply rename(const std::string& session, const std::string& name) {
        api::proto::Request request;
        request.mutable_update_leg()->set_session(session);
        request.mutable_update_leg()->set_stream("s");
        api::to_proto(ice_leg(name), *request.mutable_update_leg()->mutable_setup());
        return ask(request);
    }
    void close(const std::string& session) {
        api::proto::Request request;
        request.mutable_close_stream()->set_session(session);
        ask(request);
    }
    std::uint64_t free_ports() {
        api::proto::Request request;
        request.mutable_status();
        return ask(request).status().ports_free();
    }

    boost::asio::io_context io;
    WorkerOptions options;
    std::unique_ptr<Worker> worker;
};

TEST_F(IcePortsTest, BridgedIceLegsHaveNoPortsOfTheirOwn) {
    const auto before = free_ports();
    for (int i = 0; i < 100; ++i) {  // far more than there are ports
        const auto name = std::to_string(1000 + i);
        const auto reply = open("call" + name, ice_leg("a" + name), ice_leg("b" + name));
        ASSERT_EQ(reply.refusal(), api::proto::REFUSAL_NONE) << reply.reason();
        EXPECT_EQ(reply.ports().a(0).port(), options.ice_port);
        EXPECT_EQ(reply.ports().b(0).port(), options.ice_port);
    }
    EXPECT_EQ(free_ports(), before);
}

TEST_F(IcePortsTest, OthersHave) {
    const auto before = free_ports();
    const auto mixed = open("mixed", ice_leg("mixed"), {});
    EXPECT_EQ(mixed.ports().a(0).port(), options.ice_port);
    EXPECT_NE(mixed.ports().b(0).port(), options.ice_port);
    const auto apart = open("apart", ice_leg("apart"), {}, true);
    ASSERT_EQ(apart.ports().a_size(), 2);
    EXPECT_EQ(apart.ports().a(0).port(), options.ice_port);
    EXPECT_NE(apart.ports().a(1).port(), options.ice_port) << "checks of both components bear one name";
    const auto forwarded = open("forwarded", {}, {}, false, api::Mode::ice);
    EXPECT_NE(forwarded.ports().a(0).port(), options.ice_port) << "the relay does not choose its names";
    for (const auto* session : {"mixed", "apart", "forwarded"}) close(session);
    EXPECT_EQ(free_ports(), before);
}

TEST_F(IcePortsTest, ANameIsOneLegs) {
    const auto first = open("first", ice_leg("name"), ice_leg("other"));
    EXPECT_EQ(first.ports().a(0).port(), options.ice_port);
    const auto second = open("second", ice_leg("name"), ice_leg("another"));
    EXPECT_EQ(second.refusal(), api::proto::REFUSAL_NONE);
    EXPECT_NE(second.ports().a(0).port(), options.ice_port) << "its checks could not be told from the first one's";
    EXPECT_EQ(second.ports().b(0).port(), options.ice_port);
    EXPECT_EQ(open("first", ice_leg("name"), ice_leg("other")).refusal(), api::proto::REFUSAL_NONE) << "as before";
    EXPECT_EQ(rename("first", "another").refusal(), api::proto::REFUSAL_CONFLICT);
    EXPECT_EQ(rename("first", "fresh").refusal(), api::proto::REFUSAL_NONE);
    EXPECT_EQ(rename("second", "name").refusal(), api::proto::REFUSAL_NONE) << "on a port of its own nothing collides";
    close("first");
    for (const auto* name : {"name", "fresh", "other"}) {
        const auto again = open(std::string{"third-"} + name, ice_leg(name), ice_leg(std::string{"b-"} + name));
        EXPECT_EQ(again.ports().a(0).port(), options.ice_port) << name;
    }
}

TEST(IcePorts, MustLieOutsideOfTheRangeAndWithinTheNumbersThereAre) {
    const PortOptions range{.first = 30'000, .last = 30'099};
    EXPECT_THROW((IcePorts{range, 30'050, 1}), std::runtime_error);
    EXPECT_THROW((IcePorts{range, 29'999, 2}), std::runtime_error);
    EXPECT_THROW((IcePorts{range, 65'535, 2}), std::runtime_error);
    EXPECT_FALSE((IcePorts{range, 0, 2}).on());
}

}  // namespace
}  // namespace carillon::relay
