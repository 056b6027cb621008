/// Just enough pcapng to read the UDP payloads of the captures in tests/media/data.
/// Not here: other link types than Ethernet, other byte orders than little endian.
#pragma once
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::test {

inline std::vector<std::vector<std::byte>> udp_payloads(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto little = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, text.data() + at, 4);
        return value;
    };
    std::vector<std::vector<std::byte>> payloads;
    for (std::size_t at = 0; at + 28 <= text.size();) {
        const auto length = little(at + 4);
        if (length < 12 || at + length > text.size()) break;
        if (little(at) == 6) {  // enhanced packet block
            const auto packet = as_bytes(text).subspan(at + 28, little(at + 20));
            const std::size_t ip = 14;
            const auto header = (std::to_integer<std::size_t>(packet[ip]) & 15) * 4;
            if (packet[12] == std::byte{8} && packet[13] == std::byte{0} && packet[ip + 9] == std::byte{17}) {
                const auto udp = packet.subspan(ip + header, load_u16(&packet[ip + header + 4]));
                payloads.emplace_back(udp.begin() + 8, udp.end());
            }
        }
        at += length;
    }
    return payloads;
}

}  // namespace carillon::test
