#include "signaling/files/byte_range.h"

#include <algorithm>
#include <charconv>

namespace carillon::files {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || at != end) return std::nullopt;
    return value;
}

RangeAnswer suffix(std::string_view text, std::uint64_t size) {
    const auto length = number(text);
    if (!length) return {};
    if (*length == 0 || size == 0) return {RangeAnswer::Kind::unsatisfiable, {}};
    const auto given = std::min(*length, size);
    return {RangeAnswer::Kind::part, {size - given, given}};
}

}  // namespace

RangeAnswer select_range(std::string_view field, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    if (!field.starts_with(kUnit)) return {};
    const auto spec = trimmed(field.substr(kUnit.size()));
    const auto dash = spec.find('-');
    if (dash == std::string_view::npos || spec.contains(',')) return {};
    if (dash == 0) return suffix(spec.substr(1), size);
    const auto first = number(spec.substr(0, dash));
    if (!first) return {};
    std::uint64_t last = size == 0 ? 0 : size - 1;
    if (const auto end = spec.substr(dash + 1); !end.empty()) {
        const auto named = number(end);
        if (!named || *named < *first) return {};
        last = std::min(last, *named);
    }
    if (*first >= size) return {RangeAnswer::Kind::unsatisfiable, {}};
    return {RangeAnswer::Kind::part, {*first, last - *first + 1}};
}

bool names_tag(std::string_view field, std::string_view tag) {
    while (!field.empty()) {
        const auto comma = field.find(',');
        auto each = trimmed(field.substr(0, comma));
        if (each.starts_with("W/")) each.remove_prefix(2);
        if (each == tag || each == "*") return true;
        field.remove_prefix(comma == std::string_view::npos ? field.size() : comma + 1);
    }
    return false;
}

}  // namespace carillon::files
