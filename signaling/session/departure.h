/// When a user was last here, and the last words: what is kept of it.
/// Spec: XEP-0012 2.0 §3.
/// Not here: who keeps it and who may ask (modules/last, modules/administration).
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/base/clock.h"

namespace carillon::session {

struct Departure {
    WallTime at{};
    std::string status;

    static constexpr std::string_view kSpace = "last";  ///< the drawer of storage::UserDataStore
    static constexpr std::string_view kName = "departure";

    /// "SECONDS STATUS" since 1970.
    std::string text() const {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
        return std::to_string(seconds < 0 ? 0 : seconds) + ' ' + status;
    }
    static std::optional<Departure> parse(std::string_view text) {
        std::int64_t seconds = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (error != std::errc{} || end == text.data() + text.size()) return std::nullopt;
        return Departure{WallTime{std::chrono::seconds{seconds}}, std::string{end + 1, text.data() + text.size()}};
    }
};

}  // namespace carillon::session
