/// Structured logs: a constant message plus key=value pairs, on standard error.
/// Threading: any thread, except the packet path, where counters are the log.
#pragma once
#include <string>
#include <string_view>

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ostr.h>

namespace carillon::log {

enum class Level { trace, debug, info, warning, error, off };

/// One key=value of a log line; values with spaces or quotes are quoted.
struct Field {
    template <class T>
    Field(std::string_view name, const T& value) : key{name}, text{fmt::format("{}", value)} {}
    std::string_view key;
    std::string text;
};

void set_level(Level level);
Level level();
void set_level_by_name(std::string_view name);  ///< trace, debug, info, warning, error, off; others leave it as it is
bool enabled(Level level);
void write(Level level, std::string_view message, std::initializer_list<Field> fields);

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::info, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::warning, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::error, message, fields);
}

}  // namespace carillon::log
