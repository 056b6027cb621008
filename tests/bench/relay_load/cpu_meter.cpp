/// Implements cpu_meter.h.
#include "tests/bench/relay_load/cpu_meter.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace carillon::bench {

CpuMeter::CpuMeter(const std::vector<int>& pids) {
    for (const auto pid : pids) {
        clockid_t clock{};
        if (const int error = ::clock_getcpuclockid(pid, &clock); error != 0)
            throw std::system_error{error, std::generic_category(), "no CPU clock of process " + std::to_string(pid)};
        clocks_.push_back(clock);
    }
}

std::chrono::nanoseconds CpuMeter::used() const {
    std::chrono::nanoseconds sum{};
    for (const auto clock : clocks_) {
        timespec time{};
        if (::clock_gettime(clock, &time) != 0)
            throw std::system_error{errno, std::generic_category(), "the metered process has ended"};
        sum += std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
    }
    return sum;
}

int ksoftirqd_of(int core) {
    const auto wanted = "ksoftirqd/" + std::to_string(core);
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
        const auto name = entry.path().filename().string();
        int pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
        std::ifstream file{entry.path() / "comm"};
        std::string comm;
        if (std::getline(file, comm) && comm == wanted) return pid;
    }
    return 0;
}

}  // namespace carillon::bench
