/// What a server's processes use, from /proc.
#pragma once
#include <vector>

#include <sys/types.h>

namespace carillon::bench {

struct Usage {
    double cpu_seconds = 0;  ///< user and system, of all threads, those that ended included
    double resident_kib = 0;
};

/// Sum over `processes`; one that is gone counts nothing.
Usage usage_of(const std::vector<pid_t>& processes);

}  // namespace carillon::bench
