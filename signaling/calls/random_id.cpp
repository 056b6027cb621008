#include "signaling/calls/random_id.h"

#include <random>
#include <string_view>

namespace carillon::calls {

std::string random_id() {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::random_device source;
    std::string id;
    for (int word = 0; word < 2; ++word)
        for (auto bits = source(), digits = 0u; digits < 8; ++digits, bits >>= 4) id += kDigits[bits & 15];
    return id;
}

}  // namespace carillon::calls
