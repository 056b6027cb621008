#include "config/toml_reader.h"

#include <stdexcept>

// toml++ 3.3 asserts on some malformed keys instead of reporting them: report them, in every build.
namespace carillon::config {
static constexpr void require(bool condition) {
    if (!condition) throw std::runtime_error{"malformed"};
}
}  // namespace carillon::config
#define TOML_ASSERT(condition) ::carillon::config::require(!!(condition))
#include <toml++/toml.h>

namespace carillon::config {
namespace {

Value convert(const toml::node& node, const std::string& path, Problems& problems) {
    const auto line = static_cast<int>(node.source().begin.line);
    if (const auto* table = node.as_table()) {
        Value::Table out;
        for (const auto& [key, value] : *table) {
            const std::string name{key.str()};
            out.emplace(name, convert(value, path.empty() ? name : path + '.' + name, problems));
        }
        return {std::move(out), line};
    }
    if (const auto* array = node.as_array()) {
        Value::Array out;
        for (const auto& value : *array) out.push_back(convert(value, path, problems));
        return {std::move(out), line};
    }
    if (const auto* text = node.as_string()) return {text->get(), line};
    if (const auto* number = node.as_integer()) return {number->get(), line};
    if (const auto* number = node.as_floating_point()) return {number->get(), line};
    if (const auto* flag = node.as_boolean()) return {flag->get(), line};
    problems.push_back({line, path, "is a date or a time", "Write it as a text in quotes"});
    return {};
}

}  // namespace

std::expected<Value, Problems> read_toml(std::string_view text) {
    try {
        Problems problems;
        auto tree = convert(toml::parse(text), {}, problems);
        if (!problems.empty()) return std::unexpected{std::move(problems)};
        return tree;
    } catch (const toml::parse_error& error) {
        return std::unexpected{Problems{{static_cast<int>(error.source().begin.line),
                                         {},
                                         "this is no TOML: " + std::string{error.description()},
                                         "Put this line right; the rest of the file was not looked at"}}};
    } catch (const std::runtime_error&) {
        return std::unexpected{Problems{{0, {}, "this is no TOML", "Check keys and brackets, table by table"}}};
    }
}

}  // namespace carillon::config
