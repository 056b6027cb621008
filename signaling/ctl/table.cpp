#include "signaling/ctl/table.h"

#include <algorithm>
#include <vector>

#include <boost/json.hpp>

namespace carillon::ctl {
namespace {

namespace json = boost::json;

std::string clean(std::string_view text) {
    std::string out{text};
    std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

std::string cell(const json::value& value) {
    if (value.is_null()) return "-";
    if (const auto* text = value.if_string()) return clean({text->data(), text->size()});
    if (const auto* flag = value.if_bool()) return *flag ? "yes" : "no";
    if (const auto* number = value.if_double()) {
        auto out = std::to_string(*number);
        out.erase(out.find_last_not_of('0') + 1);
        if (out.back() == '.') out.pop_back();
        return out;
    }
    if (const auto* list = value.if_array(); list && std::ranges::none_of(*list, &json::value::is_structured)) {
        std::string out;
        for (const auto& entry : *list) out += (out.empty() ? "" : ", ") + cell(entry);
        return out.empty() ? "-" : out;
    }
    return clean(json::serialize(value));
}

/// Columns on the screen, near enough: one a UTF-8 code point.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_table(const json::array& list) {
    return !list.empty() && std::ranges::all_of(list, [](const auto& entry) { return entry.is_object(); });
}

std::string table(const json::array& list) {
    std::vector<std::string> keys;
    for (const auto& entry : list)
        for (const auto& [key, value] : entry.get_object())
            if (std::ranges::find(keys, std::string_view{key.data(), key.size()}) == keys.end()) keys.emplace_back(key);
    std::vector<std::vector<std::string>> rows(1, keys);
    for (auto& head : rows[0])
        std::ranges::transform(head, head.begin(),
                               [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    for (const auto& entry : list) {
        auto& row = rows.emplace_back();
        for (const auto& key : keys) {
            const auto* value = entry.get_object().if_contains(key);
            row.push_back(value ? cell(*value) : "-");
        }
    }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            std::size_t wide = 0;
            for (const auto& other : rows) wide = std::max(wide, width(other[i]));
            line += row[i] + std::string(wide - width(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

}  // namespace

std::string to_text(const json::value& value) {
    if (const auto* list = value.if_array()) {
        if (list->empty()) return "(none)\n";
        if (is_table(*list)) return table(*list);
    }
    if (const auto* object = value.if_object()) {
        std::string out;
        for (const auto& [key, inside] : *object) {
            const auto* list = inside.if_array();
            out += clean({key.data(), key.size()}) + ":";
            if (list && is_table(*list))
                out += "\n" + table(*list);
            else
                out += " " + cell(inside) + "\n";
        }
        return out;
    }
    return cell(value) + '\n';
}

}  // namespace carillon::ctl
