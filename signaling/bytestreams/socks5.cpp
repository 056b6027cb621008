#include "signaling/bytestreams/socks5.h"

#include <algorithm>

namespace carillon::bytestreams {
namespace {

constexpr char kVersion = 5;
constexpr char kConnect = 1;
constexpr char kDomainName = 3;
constexpr std::size_t kDigits = 40;

std::size_t octet(std::string_view octets, std::size_t at) { return static_cast<unsigned char>(octets[at]); }

/// Some clients write the digits in upper case.
std::optional<std::string> name_of(std::string_view text) {
    std::string name{text};
    for (auto& c : name) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    const bool hex = std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!hex || name.size() != kDigits) return std::nullopt;
    return name;
}

}  // namespace

std::expected<std::optional<Parsed<bool>>, Refusal> parse_greeting(std::string_view octets) {
    if (!octets.empty() && octets[0] != kVersion) return std::unexpected{Refusal{}};
    if (octets.size() < 2) return std::nullopt;
    const auto size = 2 + octet(octets, 1);
    if (octets.size() < size) return std::nullopt;
    return Parsed<bool>{octets.substr(2, size - 2).contains('\0'), size};
}

std::expected<std::optional<Parsed<std::string>>, Refusal> parse_request(std::string_view octets) {
    if (!octets.empty() && octets[0] != kVersion) return std::unexpected{Refusal{}};
    if (octets.size() < 5) return std::nullopt;
    if (octets[1] != kConnect) return std::unexpected{refused(kNoSuchCommand)};
    if (octets[3] != kDomainName) return std::unexpected{refused(kNoSuchAddressType)};
    const auto length = octet(octets, 4);
    const auto size = 5 + length + 2;  // and a port, which says nothing
    if (length != kDigits) return std::unexpected{refused(kNotAllowed)};
    if (octets.size() < size) return std::nullopt;
    auto name = name_of(octets.substr(5, length));
    if (!name) return std::unexpected{refused(kNotAllowed)};
    return Parsed<std::string>{std::move(*name), size};
}

std::string granted(std::string_view name) {
    std::string out{"\x05\x00\x00\x03", 4};
    out += static_cast<char>(name.size());
    out += name;
    out.append(2, '\0');
    return out;
}

std::string refused(std::uint8_t code) {
    std::string out{kVersion};
    out += static_cast<char>(code);
    out.append({0, 1, 0, 0, 0, 0, 0, 0});  // 0.0.0.0, port 0
    return out;
}

}  // namespace carillon::bytestreams
