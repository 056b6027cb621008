#include "media/phone/pacer.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace carillon::phone {
namespace {

constexpr int kPriority = 5;  // of 1 to 99: before all that has none, behind what an operator put first

timespec timespec_of(Pacer::Clock::time_point time) {
    const auto since = time.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds);
    return {.tv_sec = seconds.count(), .tv_nsec = rest.count()};
}

}  // namespace

Pacer::Pacer() {
    sched_param now{};
    if (::pthread_getschedparam(::pthread_self(), &policy_, &now) != 0) policy_ = -1;
    priority_ = now.sched_priority;
    const sched_param wanted{.sched_priority = kPriority};
    if (policy_ != SCHED_OTHER || ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &wanted) != 0)
        policy_ = -1;  // not allowed, or somebody has chosen already
    slack_ = ::prctl(PR_GET_TIMERSLACK);
    ::prctl(PR_SET_TIMERSLACK, 1ul);  // the usual 50 us are added to every sleep
}

Pacer::~Pacer() {
    const sched_param before{.sched_priority = priority_};
    if (policy_ >= 0) ::pthread_setschedparam(::pthread_self(), policy_, &before);
    if (slack_ > 0) ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slack_));
}

void Pacer::learn(Clock::duration late) {
    // Up at once, down slowly: one sleep in a hundred that ends late is the one that counts.
    const auto wanted = late + late / 2;
    awake_ = std::max(wanted, awake_ - awake_ / 64);
    awake_ = std::clamp<Clock::duration>(awake_, kLeastAwake, kMostAwake);
}

void Pacer::wait(Clock::time_point due) {
    const auto wake = due - awake_;
    if (wake > Clock::now()) {
        const auto until = timespec_of(wake);
        while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
        }
        learn(Clock::now() - wake);
    }
    while (Clock::now() < due) {
    }
}

}  // namespace carillon::phone
