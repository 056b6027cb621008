/// A queue that holds no memory while it is empty, which a std::deque does: of the thousands that a server has, most
/// are.
#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace carillon {

/// Threading: one thread.  Taking from the front is amortised constant time.
template <class T>
class Fifo {
  public:
    bool empty() const { return size() == 0; }
    std::size_t size() const { return list_.size() - first_; }
    T& front() { return list_[first_]; }
    void push_back(T item) { list_.push_back(std::move(item)); }
    void pop_front() {
        [[maybe_unused]] const T gone = std::move(list_[first_]);
        if (++first_ == list_.size()) return clear();
        if (first_ > kSlack && first_ > list_.size() / 2) {
            list_.erase(list_.begin(), list_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    }
    void clear() {
        std::vector<T>{}.swap(list_);
        first_ = 0;
    }
    auto begin() { return list_.begin() + static_cast<std::ptrdiff_t>(first_); }
    auto begin() const { return list_.begin() + static_cast<std::ptrdiff_t>(first_); }
    auto end() { return list_.end(); }
    auto end() const { return list_.end(); }
    template <class Is>
    void erase_if(Is is) {
        list_.erase(list_.begin(), begin());
        first_ = 0;
        std::erase_if(list_, is);
    }

  private:
    static constexpr std::size_t kSlack = 16;
    std::vector<T> list_;
    std::size_t first_ = 0;
};

}  // namespace carillon
