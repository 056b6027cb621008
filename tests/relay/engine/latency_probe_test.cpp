/// How long packets take: the buckets, their quantiles, and times that the kernel tells.
#include "relay/engine/latency_probe.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, EachBucketHoldsWhatTookNoLongerThanItsBound) {
    LatencyHistogram histogram;
    for (const auto took : {0ns, 4'900ns, 6'000ns, 99'000ns, 101'000ns, 150'500ns, std::chrono::nanoseconds{10s}})
        histogram.add(took);
    api::LatencyCounts counts{};
    histogram.add_to(counts);
    const auto at = [&](std::uint32_t bound) {
        return counts[static_cast<std::size_t>(std::ranges::find(api::kLatencyBounds, bound) -
                                               api::kLatencyBounds.begin())];
    };
    EXPECT_EQ(at(5), 2u);
    EXPECT_EQ(at(10), 1u);
    EXPECT_EQ(at(100), 1u);
    EXPECT_EQ(at(150), 1u);
    EXPECT_EQ(at(200), 1u);
    EXPECT_EQ(counts.back(), 1u);
}

TEST(LatencyQuantile, LiesWithinItsBucket) {
    api::LatencyCounts counts{};
    EXPECT_EQ(api::latency_quantile(counts, 0.5), 0);
    counts[4] = 98;  // 50 to 100 µs
    counts[8] = 2;   // 300 to 500 µs
    EXPECT_NEAR(api::latency_quantile(counts, 0.49), 75, 0.1);
    EXPECT_NEAR(api::latency_quantile(counts, 0.99), 400, 0.1);
    counts.back() = 1'000;
    EXPECT_EQ(api::latency_quantile(counts, 0.99), 100'000);
}

TEST(LatencyProbe, RestsMostOfTheTime) {
    LatencyHistogram histogram;
    LatencyProbe probe{histogram};
    int chosen = 0;
    for (int tick = 0; tick < 160; ++tick) chosen += probe.tick() ? 1 : 0;
    EXPECT_EQ(chosen, 10);
    EXPECT_FALSE(probe.looks_at(-2));
}

TEST(LatencyProbe, CountsWhatItHasRead) {
    const int in = ::socket(AF_INET, SOCK_DGRAM, 0);
    const int out = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in local{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t length = sizeof local;
    ASSERT_EQ(::bind(in, reinterpret_cast<sockaddr*>(&local), length), 0);
    ::getsockname(in, reinterpret_cast<sockaddr*>(&local), &length);
    ::connect(out, reinterpret_cast<sockaddr*>(&local), length);

    LatencyHistogram histogram;
    LatencyProbe probe{histogram};
    probe.look_at(in, std::chrono::steady_clock::now() - 1s);  // settled since long ago
    EXPECT_TRUE(probe.looks_at(in));
    for (int i = 0; i < 5; ++i) ::send(out, "x", 1, 0);
    std::array<std::array<char, 16>, 8> data;
    std::array<iovec, 8> vectors;
    std::array<mmsghdr, 8> messages{};
    alignas(cmsghdr) std::array<std::array<char, 64>, 8> told;
    const auto read = [&] {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            vectors[i] = {data[i].data(), data[i].size()};
            auto& head = messages[i].msg_hdr;
            head.msg_iov = &vectors[i];
            head.msg_iovlen = 1;
            head.msg_control = told[i].data();
            head.msg_controllen = told[i].size();
        }
        const int got = ::recvmmsg(in, messages.data(), messages.size(), MSG_DONTWAIT, nullptr);
        probe.note(std::span{messages}.first(static_cast<std::size_t>(std::max(got, 0))));
        return got;
    };
    EXPECT_EQ(read(), 5);
    const auto counted = [&] {
        api::LatencyCounts counts{};
        histogram.add_to(counts);
        return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    };
    EXPECT_EQ(counted(), 0u) << "they are still on their way";
    probe.sent();
    EXPECT_EQ(counted(), 5u);
    probe.sent();
    EXPECT_EQ(counted(), 5u);
    probe.tick();
    EXPECT_FALSE(probe.looks_at(in));
    // Just asked for: what the kernel tells may be the time of the reading.
    probe.look_at(in, std::chrono::steady_clock::now() + 1h);
    ::send(out, "x", 1, 0);
    read();
    probe.sent();
    EXPECT_EQ(counted(), 5u);
    ::close(in);
    ::close(out);
}

}  // namespace
}  // namespace carillon::relay
