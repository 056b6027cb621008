/// A string that does not find its way into logs: printing it gives ***.
#pragma once
#include <ostream>
#include <string>
#include <utility>

namespace carillon {

class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_{std::move(value)} {}
    const std::string& reveal() const { return value_; }
    bool empty() const { return value_.empty(); }
    friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

  private:
    std::string value_;
};

}  // namespace carillon
