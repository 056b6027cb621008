#include "relay/media/media_pool.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <stdexcept>

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

struct Watched {
    std::atomic<int> ticks{0};
    std::atomic<int> ended{0};
    std::atomic<int> failed{0};
};

class Job final : public MediaJob {
  public:
    Job(Watched& watched, bool fails = false) : watched_{watched}, fails_{fails} {}
    ~Job() override { ++watched_.ended; }
    void tick(MediaPort& port, SteadyTime now) override {
        if (fails_) throw std::runtime_error{"on purpose"};
        ++watched_.ticks;
        port.emit(0, std::as_bytes(std::span{"packet", 6}), false, now);
    }
    void skip(std::size_t) override {}

  private:
    Watched& watched_;
    bool fails_;
};

template <class F>
bool until(F reached) {
    for (const auto end = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < end;) {
        if (reached()) return true;
        std::this_thread::sleep_for(2ms);
    }
    return false;
}

class PoolTest : public testing::Test {
  protected:
    ~PoolTest() override {
        pool_.reset();
        ::close(wake_);
    }
    std::expected<MediaTicket, std::string> add(const std::shared_ptr<MediaChannel>& channel, bool fails = false) {
        return pool_->add(std::make_unique<Job>(watched_, fails), channel, wake_,
                          [this](const api::ProgramEvent& event) {
                              watched_.failed += event.kind == api::ProgramEvent::Kind::failed;
                          });
    }
    Watched watched_;
    int wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    std::unique_ptr<MediaPool> pool_ =
        std::make_unique<MediaPool>(MediaPoolOptions{.threads = 2, .jobs_per_thread = 2});
};

TEST_F(PoolTest, RunsAndWakesAndEnds) {
    const auto channel = std::make_shared<MediaChannel>(false);
    const auto ticket = add(channel);
    ASSERT_TRUE(ticket);
    ASSERT_TRUE(until([&] { return watched_.ticks > 3; }));
    std::uint64_t woken = 0;
    EXPECT_TRUE(until([&] { return ::read(wake_, &woken, sizeof woken) == sizeof woken; }));
    EXPECT_FALSE(channel->out[0].empty());
    std::atomic<bool> met{false};
    pool_->with(*ticket, [&](MediaJob&) { met = true; });
    EXPECT_TRUE(until([&] { return met.load(); }));
    EXPECT_EQ(pool_->load().jobs, 1U);
    channel->closed = true;
    EXPECT_TRUE(until([&] { return watched_.ended == 1; })) << "a job ends with its stream";
    EXPECT_TRUE(until([&] { return pool_->load().jobs == 0; }));
}

TEST_F(PoolTest, RefusesWhatItHasNoRoomFor) {
    const auto channel = std::make_shared<MediaChannel>(false);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(add(channel)) << i;
    const auto refused = add(channel);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), "the worker runs as many media programs as it may");
    const auto before = watched_.ticks.load();
    EXPECT_TRUE(until([&] { return watched_.ticks > before + 8; })) << "running ones go on";
    channel->closed = true;
    EXPECT_TRUE(until([&] { return pool_->load().jobs == 0; }));
    channel->closed = false;
    EXPECT_TRUE(add(channel));
}

TEST_F(PoolTest, AJobThatFailsIsNobodyElsesBusiness) {
    const auto good = std::make_shared<MediaChannel>(false);
    const auto bad = std::make_shared<MediaChannel>(false);
    ASSERT_TRUE(add(good));
    ASSERT_TRUE(add(bad, true));
    EXPECT_TRUE(until([&] { return watched_.failed == 1 && bad->ended.load(); }));
    const auto before = watched_.ticks.load();
    EXPECT_TRUE(until([&] { return watched_.ticks > before + 3; }));
}

}  // namespace
}  // namespace carillon::relay
