#include "signaling/calls/settings.h"

#include <stdexcept>

namespace carillon::calls {
namespace {

[[noreturn]] void fail(const std::string& key, const config::Value& value, const std::string& wanted) {
    auto text = "calls." + key + ": " + wanted;
    if (value.line() > 0) text += " (line " + std::to_string(value.line()) + ")";
    throw std::invalid_argument{text};
}

std::int64_t number(const std::string& key, const config::Value& value, std::int64_t low, std::int64_t high) {
    const auto* held = value.get_if<std::int64_t>();
    if (!held || *held < low || *held > high)
        fail(key, value, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return *held;
}

}  // namespace

CallSettings read_settings(const config::Value& table) {
    CallSettings settings;
    const auto* entries = table.get_if<config::Value::Table>();
    if (!entries) return settings;
    for (const auto& [key, value] : *entries) {
        const auto seconds = [&](std::int64_t low, std::int64_t high) {
            return std::chrono::seconds{number(key, value, low, high)};
        };
        const auto count = [&](std::int64_t high) { return static_cast<std::size_t>(number(key, value, 1, high)); };
        if (key == "relay") {
            const auto* text = value.get_if<std::string>();
            const auto mode = text ? relay_mode(*text) : std::nullopt;
            if (!mode) fail(key, value, R"("always", "fallback" or "never")");
            settings.relay = *mode;
        } else if (key == "ring_timeout") {
            settings.ring_timeout = seconds(1, 600);
        } else if (key == "max_duration") {
            settings.max_duration = seconds(0, 7 * 86400);
        } else if (key == "tick") {
            settings.tick = seconds(1, 3600);
        } else if (key == "gone_grace") {
            settings.gone_grace = seconds(0, 600);
        } else if (key == "restart_grace") {
            settings.restart_grace = seconds(0, 120);
        } else if (key == "calls_per_user") {
            settings.calls_per_user = count(1000);
        } else if (key == "contents_per_call") {
            settings.limits.contents = count(64);
        } else if (key == "candidates_per_content") {
            settings.limits.candidates = count(256);
        } else if (key != "enabled") {
            fail(key, value, "no such setting");
        }
    }
    return settings;
}

}  // namespace carillon::calls
