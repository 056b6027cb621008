/// Declares the keys of a table once - key, target, bounds, help - and from that reads, checks and documents it.
/// The default of a key is what its target holds when it is declared.
/// Not here: TOML (toml_reader.h); what the keys of the server are (settings_schema.cpp).
///
///     Schema schema;
///     schema.duration("ring_timeout", settings.ring_timeout, 1s, 10min, "How long a call rings.");
///     schema.read(context.settings(), "module.calls", problems);
#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "config/units.h"
#include "config/value.h"

namespace carillon::config {

/// Threading: one thread.  Targets must outlive the schema.
class Schema {
  public:
    /// Says what is wrong with a text, or nothing.
    using Check = std::function<std::string(std::string_view)>;
    /// Handles one table of an array of tables.
    using EachTable = std::function<void(const Value& table, const std::string& path, Problems& problems)>;

    Schema& boolean(std::string key, bool& target, std::string help);
    template <std::integral T>
    Schema& integer(std::string key, T& target, std::int64_t low, std::int64_t high, std::string help) {
        return number(std::move(key), static_cast<std::int64_t>(target), low, high, std::move(help),
                      [&target](std::int64_t value) { target = static_cast<T>(value); });
    }
    Schema& duration(std::string key, Duration& target, Duration low, Duration high, std::string help);
    Schema& size(std::string key, std::size_t& target, std::size_t low, std::size_t high, std::string help);
    Schema& text(std::string key, std::string& target, std::string help, Check check = {});
    Schema& choice(std::string key, std::string& target, std::vector<std::string> values, std::string help);
    /// An array of texts; `example` stands in the reference when the default is empty.
    Schema& texts(std::string key, std::vector<std::string>& target, std::string example, std::string help,
                  Check check = {});
    Schema& table(std::string key, Schema fields, std::string help);
    /// `[[key]]`; `sample` documents one of them.
    Schema& tables(std::string key, Schema sample, std::string help, EachTable each);
    /// `[key.NAME]` tables whose inside is somebody else's to check.
    Schema& open_tables(std::string key, std::map<std::string, Value, std::less<>>& target, std::string help);

    /// Reads `table` into the targets and adds every problem there is. Targets of wrong keys keep their defaults.
    void read(const Value& table, const std::string& path, Problems& problems) const;
    /// TOML with comments, all at its defaults. `path` is the dotted name of this table, "" for the root.
    std::string reference(const std::string& path = {}) const;

  private:
    struct Field {
        std::string key;
        std::string shown;   ///< default as TOML; for tables: their reference text
        std::string wanted;  ///< "a size from 1 KiB to 16 MiB"
        std::string help;
        bool commented = false;  ///< shown as an example, since the default is "nothing"
        bool is_table = false;
        std::function<std::string(const std::string& path)> section;
        /// What is wrong, or nothing.
        std::function<std::string(const Value&)> set;
        std::function<void(const Value&, const std::string& path, Problems&)> descend;
    };

    Schema& number(std::string key, std::int64_t shown, std::int64_t low, std::int64_t high, std::string help,
                   std::function<void(std::int64_t)> set);
    Schema& add(Field field);
    const Field* find(std::string_view key) const;
    std::string remedy_for_unknown(std::string_view key) const;

    std::vector<Field> fields_;
};

/// The candidate that a mistyped word most likely meant; empty when none is near (two edits at most, one for short
/// words).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace carillon::config
