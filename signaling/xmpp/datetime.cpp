#include "signaling/xmpp/datetime.h"

#include <cstdio>
#include <ctime>

namespace carillon::xmpp {

std::string to_datetime(WallTime time) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                  parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(milliseconds % 1000));
    return text;
}

namespace {

/// Takes `digits` digits off the front.
std::optional<int> number(std::string_view& text, std::size_t digits) {
    int value = 0;
    if (text.size() < digits) return std::nullopt;
    for (const char c : text.substr(0, digits)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool skip(std::string_view& text, char wanted) {
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
}

/// Z, +hh:mm or -hh:mm, to the end.
std::optional<std::chrono::minutes> offset(std::string_view text) {
    if (text == "Z") return std::chrono::minutes{0};
    if (!text.starts_with('+') && !text.starts_with('-')) return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto hours = number(text, 2);
    const bool colon = skip(text, ':');
    const auto minutes = number(text, 2);
    if (!hours || !colon || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
    return sign * std::chrono::minutes{*hours * 60 + *minutes};
}

}  // namespace

std::optional<WallTime> parse_datetime(std::string_view text) {
    constexpr std::string_view kBefore = " --T::";  // what stands before each part
    int parts[6] = {};
    for (std::size_t i = 0; i < 6; ++i) {
        if (i > 0 && !skip(text, kBefore[i])) return std::nullopt;
        const auto part = number(text, i == 0 ? 4 : 2);
        if (!part) return std::nullopt;
        parts[i] = *part;
    }
    std::chrono::microseconds fraction{0};
    if (skip(text, '.')) {
        std::size_t digits = 0;
        int scale = 100'000;
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits) {
            fraction += std::chrono::microseconds{(text.front() - '0') * scale};
            scale /= 10;
        }
        if (digits == 0) return std::nullopt;
    }
    const auto east = offset(text);
    const std::chrono::year_month_day date{std::chrono::year{parts[0]},
                                           std::chrono::month{static_cast<unsigned>(parts[1])},
                                           std::chrono::day{static_cast<unsigned>(parts[2])}};
    if (!east || !date.ok() || parts[0] < 1970 || parts[3] > 23 || parts[4] > 59 || parts[5] > 60) return std::nullopt;
    const auto time = std::chrono::sys_days{date} + std::chrono::hours{parts[3]} + std::chrono::minutes{parts[4]} +
                      std::chrono::seconds{parts[5]} + fraction - *east;
    // The clock counts nanoseconds and ends in 2262: a later time is as good as its last year.
    constexpr std::chrono::sys_days kLatest{std::chrono::year{2262} / std::chrono::January / 1};
    if (time > kLatest) return WallTime{kLatest};
    return time < WallTime{} ? std::nullopt : std::optional<WallTime>{time};
}

}  // namespace carillon::xmpp
