/// The name of an archived message, in memory and on the wire.
/// Spec: XEP-0313 1.1.3 §3 (unique and unpredictable), §6.2.
#pragma once
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "config/base/clock.h"

namespace carillon::storage {

/// Names an archived message: when it came, in microseconds, made unique within the process and over restarts; and a
/// random part, because an id must not be guessed (XEP-0313 §3).
struct ArchiveId {
    std::int64_t time = 0;
    std::int64_t random = 0;

    std::string text() const;
    static std::optional<ArchiveId> parse(std::string_view text);
    WallTime when() const { return WallTime{std::chrono::microseconds{time}}; }
    friend bool operator==(const ArchiveId&, const ArchiveId&) = default;
};

inline std::string ArchiveId::text() const {
    char out[40];
    std::snprintf(out, sizeof out, "%llx-%016llx", static_cast<unsigned long long>(time),
                  static_cast<unsigned long long>(random));
    return out;
}

inline std::optional<ArchiveId> ArchiveId::parse(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos || text.size() - dash != 17) return std::nullopt;
    std::uint64_t parts[2] = {};
    const std::string_view halves[2] = {text.substr(0, dash), text.substr(dash + 1)};
    for (std::size_t i = 0; i < 2; ++i) {
        const auto* end = halves[i].data() + halves[i].size();
        const auto [at, error] = std::from_chars(halves[i].data(), end, parts[i], 16);
        if (error != std::errc{} || at != end) return std::nullopt;
    }
    if (parts[0] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    ArchiveId id{static_cast<std::int64_t>(parts[0]), static_cast<std::int64_t>(parts[1])};
    return id.text() == text ? std::optional{id} : std::nullopt;  // one spelling only
}

}  // namespace carillon::storage
