#include "config/units.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace carillon::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Largest first: formatting takes the first that divides the value.
constexpr std::array kDurations{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"min", 60'000}, Unit{"s", 1000},
                                Unit{"ms", 1}};
constexpr std::array kSizes{Unit{"GiB", 1ULL << 30}, Unit{"MiB", 1ULL << 20}, Unit{"KiB", 1ULL << 10}, Unit{"B", 1}};

template <std::size_t N>
std::optional<std::uint64_t> parse(std::string_view text, const std::array<Unit, N>& units) {
    std::uint64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || rest == text.data()) return std::nullopt;
    std::string_view name{rest, static_cast<std::size_t>(end - rest)};
    if (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    for (const auto& unit : units) {
        if (unit.name != name) continue;
        constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        if (number > kMost / unit.factor) return std::nullopt;
        return number * unit.factor;
    }
    return std::nullopt;
}

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<Unit, N>& units, std::string_view zero_unit) {
    if (value == 0) return "0 " + std::string{zero_unit};
    for (const auto& unit : units)
        if (value % unit.factor == 0) return std::to_string(value / unit.factor) + " " + std::string{unit.name};
    return {};  // not reached: the last factor is 1
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    const auto value = parse(text, kDurations);
    if (!value) return std::nullopt;
    return Duration{static_cast<std::int64_t>(*value)};
}

std::string format_duration(Duration value) {
    return format(static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0)), kDurations, "s");
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, kSizes); }

std::string format_size(std::uint64_t value) { return format(value, kSizes, "B"); }

bool is_address(std::string_view text) {
    const std::string copy{text};
    std::array<unsigned char, 16> raw{};
    return inet_pton(AF_INET, copy.c_str(), raw.data()) == 1 || inet_pton(AF_INET6, copy.c_str(), raw.data()) == 1;
}

bool is_loopback(std::string_view address) {
    const std::string copy{address};
    std::array<unsigned char, 16> raw{};
    if (inet_pton(AF_INET, copy.c_str(), raw.data()) == 1) return raw[0] == 127;
    if (inet_pton(AF_INET6, copy.c_str(), raw.data()) != 1) return false;
    return raw[15] == 1 && std::all_of(raw.begin(), raw.end() - 1, [](unsigned char octet) { return octet == 0; });
}

bool is_domain(std::string_view text) {
    if (text.empty() || text.size() > 1023 || text.front() == '.' || text.find("..") != text.npos) return false;
    return std::ranges::all_of(text, [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet >= 0x80) return true;
        return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
               octet == '-' || octet == '.' || octet == '_' || octet == ':' || octet == '[' || octet == ']';
    });
}

}  // namespace carillon::config
