/// Length-prefixed frames of the control contract.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::relay::api {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kMaxFrame = 16 * 1024 * 1024;  ///< from a worker: counters of all its streams
inline constexpr std::size_t kMaxRequest = 64 * 1024;       ///< from signaling

inline std::string frame(std::string_view message) {
    std::string out(4, '\0');
    for (int i = 0; i < 4; ++i) out[static_cast<std::size_t>(i)] = static_cast<char>(message.size() >> (24 - 8 * i));
    out += message;
    return out;
}

inline std::uint32_t frame_length(const char* head) {
    std::uint32_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(head[i]);
    return length;
}

}  // namespace carillon::relay::api
