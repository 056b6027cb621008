#include "server_meter.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace carillon::bench {

Usage usage_of(const std::vector<pid_t>& processes) {
    Usage sum;
    const auto tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
    for (const auto process : processes) {
        const auto folder = "/proc/" + std::to_string(process);
        std::ifstream stat{folder + "/stat"};
        std::string line;
        std::getline(stat, line);
        // Fields 14 and 15, counted from 1; the second is in brackets and may hold spaces.
        const auto after = line.rfind(')');
        if (after == std::string::npos) continue;
        std::size_t at = after + 2;
        for (int field = 3; field < 14; ++field) at = line.find(' ', at) + 1;
        std::size_t used = 0;
        const auto user = std::stoull(line.substr(at), &used);
        sum.cpu_seconds += static_cast<double>(user + std::stoull(line.substr(at + used))) * tick;
        std::ifstream status{folder + "/status"};
        while (std::getline(status, line)) {
            if (line.starts_with("VmRSS:")) sum.resident_kib += std::stod(line.substr(6));
        }
    }
    return sum;
}

}  // namespace carillon::bench
