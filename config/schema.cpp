#include "config/schema.h"

#include <algorithm>

namespace carillon::config {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string quoted(const std::vector<std::string>& list) {
    std::string out = "[";
    for (const auto& entry : list) out += (out.size() > 1 ? ", " : "") + quoted(entry);
    return out + "]";
}

/// `text` as comment lines of at most 118 columns.
std::string comment(const std::string& text) {
    std::string out;
    std::string line = "#";
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find(' ', at), text.size());
        const auto word = text.substr(at, end - at);
        if (line.size() + word.size() > 117) {
            out += line + '\n';
            line = "#";
        }
        line += ' ' + word;
        at = end + 1;
    }
    return out + line + '\n';
}

std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

std::string child(const std::string& path, const std::string& key) { return path.empty() ? key : path + '.' + key; }

constexpr std::string_view kNotThisType = "has the wrong type";

}  // namespace

std::string to_text(const Problems& problems, const std::string& name) {
    std::string out;
    for (const auto& problem : problems) {
        out += name;
        if (problem.line > 0) out += ':' + std::to_string(problem.line);
        out += ": ";
        if (!problem.key.empty()) out += problem.key + ": ";
        out += problem.what + '.';
        if (!problem.remedy.empty()) out += ' ' + problem.remedy + (problem.remedy.ends_with('?') ? "" : ".");
        out += '\n';
    }
    return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    if (word.size() > 64) return {};
    std::size_t best = word.size() < 5 ? 2 : 3;  // must be beaten
    std::string answer;
    for (const auto& candidate : candidates) {
        const auto distance = edits(word, candidate);
        if (distance < best) {
            best = distance;
            answer = candidate;
        }
    }
    return answer;
}

Schema& Schema::add(Field field) {
    fields_.push_back(std::move(field));
    return *this;
}

Schema& Schema::boolean(std::string key, bool& target, std::string help) {
    return add({.key = std::move(key),
                .shown = target ? "true" : "false",
                .wanted = "true or false",
                .help = std::move(help),
                .set = [&target](const Value& value) -> std::string {
                    const auto* held = value.get_if<bool>();
                    if (!held) return std::string{kNotThisType};
                    target = *held;
                    return {};
                }});
}

Schema& Schema::number(std::string key, std::int64_t shown, std::int64_t low, std::int64_t high, std::string help,
                       std::function<void(std::int64_t)> set) {
    return add({.key = std::move(key),
                .shown = std::to_string(shown),
                .wanted = "a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                .help = std::move(help),
                .set = [set = std::move(set), low, high](const Value& value) -> std::string {
                    const auto* held = value.get_if<std::int64_t>();
                    if (!held) return std::string{kNotThisType};
                    if (*held < low || *held > high) return "is " + std::to_string(*held) + ", out of bounds";
                    set(*held);
                    return {};
                }});
}

Schema& Schema::duration(std::string key, Duration& target, Duration low, Duration high, std::string help) {
    return add({.key = std::move(key),
                .shown = quoted(format_duration(target)),
                .wanted = "a duration with its unit (ms, s, min, h, d) from " + quoted(format_duration(low)) + " to " +
                          quoted(format_duration(high)),
                .help = std::move(help),
                .set = [&target, low, high](const Value& value) -> std::string {
                    const auto* text = value.get_if<std::string>();
                    if (!text) return value.get_if<std::int64_t>() ? "has no unit" : std::string{kNotThisType};
                    const auto parsed = parse_duration(*text);
                    if (!parsed) return quoted(*text) + " is no duration";
                    if (*parsed < low || *parsed > high) return "is " + quoted(*text) + ", out of bounds";
                    target = *parsed;
                    return {};
                }});
}

Schema& Schema::size(std::string key, std::size_t& target, std::size_t low, std::size_t high, std::string help) {
    return add({.key = std::move(key),
                .shown = quoted(format_size(target)),
                .wanted = "a size with its unit (B, KiB, MiB, GiB) from " + quoted(format_size(low)) + " to " +
                          quoted(format_size(high)),
                .help = std::move(help),
                .set = [&target, low, high](const Value& value) -> std::string {
                    const auto* text = value.get_if<std::string>();
                    if (!text) return value.get_if<std::int64_t>() ? "has no unit" : std::string{kNotThisType};
                    const auto parsed = parse_size(*text);
                    if (!parsed) return quoted(*text) + " is no size";
                    if (*parsed < low || *parsed > high) return "is " + quoted(*text) + ", out of bounds";
                    target = static_cast<std::size_t>(*parsed);
                    return {};
                }});
}

Schema& Schema::text(std::string key, std::string& target, std::string help, Check check) {
    return add({.key = std::move(key),
                .shown = quoted(target),
                .wanted = "a text in quotes",
                .help = std::move(help),
                .commented = target.empty(),
                .set = [&target, check = std::move(check)](const Value& value) -> std::string {
                    const auto* held = value.get_if<std::string>();
                    if (!held) return std::string{kNotThisType};
                    if (held->find('\0') != held->npos) return "holds a zero octet";
                    if (check)
                        if (auto wrong = check(*held); !wrong.empty()) return quoted(*held) + ' ' + wrong;
                    target = *held;
                    return {};
                }});
}

Schema& Schema::choice(std::string key, std::string& target, std::vector<std::string> values, std::string help) {
    std::string wanted = "one of";
    for (const auto& value : values) wanted += (&value == values.data() ? " " : ", ") + quoted(value);
    return add({.key = std::move(key),
                .shown = quoted(target),
                .wanted = std::move(wanted),
                .help = std::move(help),
                .set = [&target, values = std::move(values)](const Value& value) -> std::string {
                    const auto* held = value.get_if<std::string>();
                    if (!held) return std::string{kNotThisType};
                    if (std::ranges::find(values, *held) == values.end()) return quoted(*held) + " is not known";
                    target = *held;
                    return {};
                }});
}

Schema& Schema::texts(std::string key, std::vector<std::string>& target, std::string example, std::string help,
                      Check check) {
    return add({.key = std::move(key),
                .shown = target.empty() ? std::move(example) : quoted(target),
                .wanted = "a list of texts, e.g. [\"one\", \"two\"]",
                .help = std::move(help),
                .commented = target.empty(),
                .set = [&target, check = std::move(check)](const Value& value) -> std::string {
                    const auto* list = value.get_if<Value::Array>();
                    if (!list) return std::string{kNotThisType};
                    std::vector<std::string> read;
                    for (const auto& entry : *list) {
                        const auto* held = entry.get_if<std::string>();
                        if (!held) return "holds something that is no text";
                        if (held->find('\0') != held->npos) return "holds a zero octet";
                        if (check)
                            if (auto wrong = check(*held); !wrong.empty()) return quoted(*held) + ' ' + wrong;
                        read.push_back(*held);
                    }
                    target = std::move(read);
                    return {};
                }});
}

Schema& Schema::table(std::string key, Schema fields, std::string help) {
    auto shared = std::make_shared<Schema>(std::move(fields));
    return add({.key = std::move(key),
                .wanted = "a table",
                .help = std::move(help),
                .is_table = true,
                .section = [shared](const std::string& path) { return "[" + path + "]\n" + shared->reference(path); },
                .descend = [shared](const Value& value, const std::string& path,
                                    Problems& problems) { shared->read(value, path, problems); }});
}

Schema& Schema::tables(std::string key, Schema sample, std::string help, EachTable each) {
    auto shared = std::make_shared<Schema>(std::move(sample));
    return add({.key = std::move(key),
                .wanted = "one or more tables in double brackets",
                .help = std::move(help),
                .is_table = true,
                .section = [shared](const std::string& path) { return "[[" + path + "]]\n" + shared->reference(path); },
                .descend =
                    [each = std::move(each)](const Value& value, const std::string& path, Problems& problems) {
                        const auto* list = value.get_if<Value::Array>();
                        if (!list) {
                            problems.push_back({value.line(), path, "has the wrong type", "Write [[" + path + "]]"});
                            return;
                        }
                        for (const auto& entry : *list) each(entry, path, problems);
                    }});
}

Schema& Schema::open_tables(std::string key, std::map<std::string, Value, std::less<>>& target, std::string help) {
    return add({.key = std::move(key),
                .wanted = "tables named after what they configure",
                .help = std::move(help),
                .is_table = true,
                .section = [](const std::string& path) { return "# [" + path + ".NAME]\n"; },
                .descend =
                    [&target](const Value& value, const std::string& path, Problems& problems) {
                        const auto* entries = value.get_if<Value::Table>();
                        if (!entries) {
                            problems.push_back({value.line(), path, "has the wrong type", "Write [" + path + ".NAME]"});
                            return;
                        }
                        for (const auto& [name, inside] : *entries) {
                            if (inside.get_if<Value::Table>())
                                target.insert_or_assign(name, inside);
                            else
                                problems.push_back({inside.line(), child(path, name), "is no table",
                                                    "Write it under [" + path + ".NAME], NAME being a module"});
                        }
                    }});
}

const Schema::Field* Schema::find(std::string_view key) const {
    const auto at = std::ranges::find(fields_, key, &Field::key);
    return at == fields_.end() ? nullptr : &*at;
}

std::string Schema::remedy_for_unknown(std::string_view key) const {
    std::vector<std::string> known;
    for (const auto& field : fields_) known.push_back(field.key);
    if (auto meant = nearest(key, known); !meant.empty()) return "Did you mean " + meant + "?";
    std::string all;
    for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
    return "Known here: " + all;
}

void Schema::read(const Value& table, const std::string& path, Problems& problems) const {
    if (table.is_null()) return;
    const auto* entries = table.get_if<Value::Table>();
    if (!entries) {
        problems.push_back({table.line(), path, "has the wrong type", "Write a table: [" + path + "]"});
        return;
    }
    for (const auto& [key, value] : *entries) {
        const auto* field = find(key);
        if (!field) {
            problems.push_back({value.line(), child(path, key), "there is no such key", remedy_for_unknown(key)});
        } else if (field->is_table) {
            field->descend(value, child(path, key), problems);
        } else if (auto wrong = field->set(value); !wrong.empty()) {
            problems.push_back({value.line(), child(path, key), std::move(wrong), "Write " + field->wanted});
        }
    }
}

std::string Schema::reference(const std::string& path) const {
    std::string out;
    for (const auto& field : fields_) {
        if (field.is_table) continue;
        out += comment(field.help + " (" + field.wanted + ")");
        out += (field.commented ? "# " : "") + field.key + " = " + field.shown + "\n";
    }
    for (const auto& field : fields_) {
        if (!field.is_table) continue;
        if (!out.empty()) out += '\n';
        out += comment(field.help) + field.section(child(path, field.key));
    }
    return out;
}

}  // namespace carillon::config
