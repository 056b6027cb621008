#include "config/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>

namespace carillon::log {
namespace {

constexpr std::array<std::string_view, 6> kNames{"trace", "debug", "info", "warning", "error", "off"};

spdlog::level::level_enum native(Level level) {
    constexpr std::array kLevels{spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                 spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
    return kLevels[static_cast<std::size_t>(level)];
}

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = std::make_shared<spdlog::logger>("carillon", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
        made->flush_on(spdlog::level::info);
        return made;
    }();
    return *instance;
}

/// Quotes a value that would break the key=value grammar; control characters become escapes, so that no
/// peer's text can forge a line of the log.
void append_value(std::string& line, std::string_view value) {
    const bool plain = !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string_view::npos;
    if (!plain) line += '"';
    for (const char c : value) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            if (c == '"' || c == '\\') line += '\\';
            line += c;
        }
    }
    if (!plain) line += '"';
}

}  // namespace

void set_level(Level level) { logger().set_level(native(level)); }

Level level() {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (native(static_cast<Level>(i)) == logger().level()) return static_cast<Level>(i);
    }
    return Level::off;
}

void set_level_by_name(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) set_level(static_cast<Level>(i));
    }
}

bool enabled(Level level) { return logger().should_log(native(level)); }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
    if (!enabled(level)) return;
    std::string line{message};
    for (const auto& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        append_value(line, field.text);
    }
    logger().log(native(level), spdlog::string_view_t{line.data(), line.size()});
}

}  // namespace carillon::log
