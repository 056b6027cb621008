/// CPU time used by another process: all its threads, user and system, in nanoseconds.
/// Not here: the softirq work of its core that the kernel handed to ksoftirqd; that is metered as one more process.
#pragma once
#include <time.h>

#include <chrono>
#include <string>
#include <vector>

namespace carillon::bench {

class CpuMeter {
  public:
    /// Meters the sum over `pids`; throws std::system_error for a process that does not exist.
    explicit CpuMeter(const std::vector<int>& pids);

    std::chrono::nanoseconds used() const;

  private:
    std::vector<clockid_t> clocks_;
};

/// The pid of the ksoftirqd thread of `core`, or 0 where it cannot be seen (a container).
int ksoftirqd_of(int core);

}  // namespace carillon::bench
