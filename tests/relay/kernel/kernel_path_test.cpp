/// Media that the kernel forwards: the same packets arrive, the same is counted, and nothing gets through that would
/// not without it. Needs CAP_BPF and CAP_NET_ADMIN; each test says so and is skipped without.
#include "tests/relay/kernel/kernel_fixture.h"

namespace carillon::relay {
namespace {

TEST_F(KernelPathTest, SettledFlowsGoThereAndArriveUnchanged) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    talk(ports, 41, 200);
    const auto counted = count("call");
    EXPECT_EQ(counted.a.packets, 240u);
    EXPECT_EQ(counted.b.packets, 240u);
    EXPECT_EQ(counted.a.bytes, 240u * 172);
    EXPECT_EQ(counted.a.expected, 240u);
    EXPECT_EQ(counted.a.lost, 0u);
    const auto status = ask<api::WorkerStatus>([&](auto done) { client_->status(done); });
    ASSERT_TRUE(status);
    EXPECT_EQ(status->packets, 480u);
}

TEST_F(KernelPathTest, CountsAsTheWorkerDoes) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    // 41-44, 47-50 (45 and 46 are lost), 52 before 51, 52 again, 60
    for (const std::uint16_t sequence : {41, 42, 43, 44, 47, 48, 49, 50, 52, 51, 52, 60}) {
        caller_.send(rtp(sequence, 1), ports.a.front().port);
        EXPECT_FALSE(callee_.receive().first.empty());
    }
    EXPECT_EQ(flows(), 2u);
    const auto counted = count("call").a;
    EXPECT_EQ(counted.packets, 52u);
    EXPECT_EQ(counted.expected, 60u);
    EXPECT_EQ(counted.lost, 9u);  // 45, 46, 53 to 59
    EXPECT_EQ(counted.late, 1u);
    EXPECT_EQ(counted.duplicates, 1u);
}

TEST_F(KernelPathTest, SequenceNumbersTurnOver) {
    START_IN_KERNEL();
    const auto ports = open("call", plain());
    ASSERT_TRUE(ports);
    talk(*ports, 65'480, 120);
    EXPECT_EQ(flows(), 2u);
    EXPECT_EQ(count("call").a.expected, 120u);
    EXPECT_EQ(count("call").a.lost, 0u);
}

TEST_F(KernelPathTest, StrangersStayOut) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    for (std::uint16_t i = 0; i < 50; ++i)
        stranger_.send(rtp(static_cast<std::uint16_t>(41 + i), 1), ports.a.front().port);
    EXPECT_TRUE(callee_.receives_nothing());
    EXPECT_EQ(count("call").a.drops.at("unproven"), 50u);
    EXPECT_EQ(flows(), 2u);
    // What is no RTP is no media in the kernel either.
    caller_.send(std::vector<std::byte>(100, std::byte{0x20}), ports.a.front().port);
    EXPECT_TRUE(callee_.receives_nothing());
    EXPECT_EQ(count("call").a.drops.at("not_media"), 1u);
}

TEST_F(KernelPathTest, RtcpGoesThroughTheWorker) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    ByteWriter report;
    report.u8(0x81), report.u8(201), report.u16(7), report.u32(1);
    report.u32(2), report.zeros(20);
    const auto packet = report.release();
    caller_.send(packet, ports.a.front().port);
    EXPECT_EQ(callee_.receive().first, as_text(packet));
    EXPECT_EQ(flows(), 2u);
}

TEST_F(KernelPathTest, AnEndThatMovesIsFollowed) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    const api::LegSetup moved{.ice = {}, .remotes = {{.component = 1, .ip = "127.0.0.1", .port = stranger_.port()}}};
    const auto done = ask<bool>([&](auto answer) { client_->update_leg("call", "audio", api::Leg::b, moved, answer); });
    ASSERT_TRUE(done);
    EXPECT_EQ(flows(), 0u);
    caller_.send(rtp(41), ports.a.front().port);
    EXPECT_FALSE(stranger_.receive().first.empty());
    EXPECT_TRUE(callee_.receives_nothing());
    callee_.send(rtp(41, 2), ports.b.front().port);
    EXPECT_TRUE(caller_.receives_nothing()) << "it is not its place any more";
}

TEST_F(KernelPathTest, AnotherStreamOfTheSameEndJoins) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    for (std::uint16_t i = 1; i <= 80; ++i) {
        caller_.send(rtp(i, 7), ports.a.front().port);
        ASSERT_FALSE(callee_.receive().first.empty()) << i;
    }
    const auto counted = count("call").a;
    EXPECT_EQ(counted.packets, 120u);
    EXPECT_EQ(counted.expected, 120u);
    EXPECT_EQ(counted.lost, 0u);
}

TEST_F(KernelPathTest, FlowsEndWithTheirStream) {
    START_IN_KERNEL();
    const auto ports = talk_until_in_kernel();
    const auto closed =
        ask<std::vector<api::StreamCounters>>([&](auto done) { client_->close_stream("call", "audio", done); });
    ASSERT_TRUE(closed && !closed->empty());
    EXPECT_EQ(closed->front().a.packets, 40u);
    EXPECT_EQ(flows(), 0u);
    caller_.send(rtp(41), ports.a.front().port);
    EXPECT_TRUE(callee_.receives_nothing());
}

TEST_F(KernelPathTest, IceFlowsGoThereAndLeaveWithANomination) {
    START_IN_KERNEL();
    const auto ports = open("call", ice_setup());
    ASSERT_TRUE(ports);
    const auto a = ports->a.front().port;
    const auto b = ports->b.front().port;
    caller_.send(check("callee:caller", kCalleePassword, 1), a);
    callee_.send(check("caller:callee", kCallerPassword, 2), b);
    ASSERT_FALSE(callee_.receive().first.empty());
    ASSERT_FALSE(caller_.receive().first.empty());
    talk(*ports, 1, 60);
    EXPECT_EQ(flows(), 2u);
    EXPECT_EQ(count("call").a.packets, 60u);
    // The caller comes by another network and says that it means to stay there.
    std::vector<std::byte> room(256);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{3}}};
    const auto nominated = builder.text(stun::Attribute::username, "callee:caller")
                               .attribute(stun::Attribute::use_candidate, {})
                               .integrity(kCalleePassword)
                               .fingerprint()
                               .finish();
    stranger_.send(nominated, a);
    ASSERT_FALSE(callee_.receive().first.empty());
    callee_.send(rtp(61, 2), b);
    EXPECT_FALSE(stranger_.receive().first.empty()) << "media follow";
    EXPECT_TRUE(caller_.receives_nothing());
}

}  // namespace
}  // namespace carillon::relay
