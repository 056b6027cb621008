#include "relay/media/lip_sync.h"

#include <random>
#include <string_view>

namespace carillon::relay {

std::string random_cname() {
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static thread_local std::random_device device;
    std::string name;
    for (int i = 0; i < 16; ++i) name += kLetters[device() & 63];
    return name;
}

LipSync::LipSync() : cname{random_cname(), random_cname()} {}

}  // namespace carillon::relay
