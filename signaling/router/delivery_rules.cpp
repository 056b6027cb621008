#include "signaling/router/delivery_rules.h"

#include <charconv>

namespace carillon::router {

std::optional<int> parse_priority(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return 0;
    const auto last = text.find_last_not_of(" \t\r\n");
    text = text.substr(first, last - first + 1);
    if (text.front() == '+') text.remove_prefix(1);
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < -128 || value > 127) return std::nullopt;
    return value;
}

}  // namespace carillon::router
