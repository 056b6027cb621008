/// Registrations are values that undo themselves.
#pragma once
#include <functional>
#include <utility>
#include <vector>

namespace carillon::runtime {

/// Undoes one registration when destroyed. Threading: lives and dies on the shard that made it.
class [[nodiscard]] Registration {
  public:
    Registration() = default;
    explicit Registration(std::function<void()> undo) : undo_{std::move(undo)} {}
    Registration(Registration&& other) noexcept : undo_{std::exchange(other.undo_, nullptr)} {}
    Registration& operator=(Registration&& other) noexcept {
        if (this != &other) {
            reset();
            undo_ = std::exchange(other.undo_, nullptr);
        }
        return *this;
    }
    ~Registration() { reset(); }
    void reset() {
        if (auto undo = std::exchange(undo_, nullptr)) undo();
    }

  private:
    std::function<void()> undo_;
};

/// All registrations of a module; undone in reverse order.
class Registrations {
  public:
    Registrations() = default;
    Registrations(Registrations&&) = default;
    Registrations& operator=(Registrations&&) = default;
    ~Registrations() { clear(); }
    Registrations& operator+=(Registration registration) {
        list_.push_back(std::move(registration));
        return *this;
    }
    void clear() {
        while (!list_.empty()) list_.pop_back();
    }

  private:
    std::vector<Registration> list_;
};

}  // namespace carillon::runtime
