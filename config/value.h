/// A piece of configuration whose schema belongs to somebody else (a module's table): a typed tree.
/// Not here: reading TOML (loader), the server's own settings (settings.h).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace carillon::config {

class Value {
  public:
    using Table = std::map<std::string, Value, std::less<>>;
    using Array = std::vector<Value>;
    using Data = std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table>;

    Value() = default;
    template <class T>
        requires std::is_constructible_v<Data, T>
    Value(T data, int line = 0) : data_{std::move(data)}, line_{line} {}

    bool is_null() const { return data_.index() == 0; }
    template <class T>
    const T* get_if() const {
        return std::get_if<T>(&data_);
    }
    /// The entry of a table, or a null Value when this is no table or has no such entry.
    const Value& operator[](std::string_view key) const {
        static const Value kNull;
        const auto* table = get_if<Table>();
        if (!table) return kNull;
        const auto found = table->find(key);
        return found == table->end() ? kNull : found->second;
    }
    template <class T>
    T value_or(T fallback) const {
        const auto* held = get_if<T>();
        return held ? *held : fallback;
    }
    int line() const { return line_; }  ///< in the configuration file; 0 when it comes from elsewhere
    const Data& data() const { return data_; }

  private:
    Data data_;
    int line_ = 0;
};

}  // namespace carillon::config
