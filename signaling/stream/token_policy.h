/// How long the tokens of XEP-0484 count.
#pragma once
#include <chrono>
#include <cstddef>

namespace carillon::stream {

struct TokenPolicy {
    std::chrono::seconds lifetime{21 * 24 * 3600};  ///< 0: no tokens are given out, and none counts
    std::chrono::seconds rotation{24 * 3600};       ///< age at which a client that logs in by one gets another
    std::size_t clients = 20;                       ///< of one user; beyond, the oldest token goes
};

}  // namespace carillon::stream
