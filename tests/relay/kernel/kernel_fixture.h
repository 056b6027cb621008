/// A worker that may forward in the kernel, at loopback's device. Needs CAP_BPF and CAP_NET_ADMIN; a test begins with
/// START_IN_KERNEL(), which says so and skips it without.
#pragma once
#include "relay/kernel/kernel_path.h"
#include "tests/relay/control/worker_fixture.h"

namespace carillon::relay {

class KernelPathTest : public WorkerTest {
  protected:
    bool start_in_kernel() {
        auto options = small();
        // A trial: a worker that may not use the kernel works as without.
        if (const auto tried = KernelPath::open(
                {.devices = {"lo"}, .first_port = options.ports.first, .last_port = options.ports.last});
            !tried) {
            why_not_ = tried.error();
            return false;
        }
        options.kernel_path = {"lo"};
        start(std::move(options));
        return true;
    }
    api::StreamSetup plain() const {
        return {.stream = "audio",
                .mode = api::Mode::plain,
                .a = {.ice = {}, .remotes = {{.component = 1, .ip = "127.0.0.1", .port = caller_.port()}}},
                .b = {.ice = {}, .remotes = {{.component = 1, .ip = "127.0.0.1", .port = callee_.port()}}}};
    }
    std::uint64_t flows() {
        const auto status = ask<api::WorkerStatus>([&](auto done) { client_->status(done); });
        return status ? status->kernel_flows : 999;
    }
    /// Both ends send `packets` each from `sequence` on; all arrive, unchanged, from the relay's port.
    void talk(const api::Ports& ports, std::uint16_t sequence, unsigned packets) {
        for (unsigned i = 0; i < packets; ++i, ++sequence) {
            const auto there = rtp(sequence, 1);
            const auto back = rtp(sequence, 2);
            caller_.send(there, ports.a.front().port);
            callee_.send(back, ports.b.front().port);
            ASSERT_EQ(callee_.receive(), (std::pair{std::string{as_text(there)}, ports.b.front().port})) << sequence;
            ASSERT_EQ(caller_.receive(), (std::pair{std::string{as_text(back)}, ports.a.front().port})) << sequence;
        }
    }
    api::Ports talk_until_in_kernel() {
        const auto ports = open("call", plain());
        EXPECT_TRUE(ports);
        talk(*ports, 1, 40);
        EXPECT_EQ(flows(), 2u);
        return *ports;
    }
    std::string why_not_;
};

#define START_IN_KERNEL() \
    if (!start_in_kernel()) GTEST_SKIP() << why_not_

}  // namespace carillon::relay
