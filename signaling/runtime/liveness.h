/// Whether a module instance still lives, is about to go, and how much of its work is under way: what makes taking a
/// module out safe while stanzas flow.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

namespace carillon::runtime {

/// Threading: one shard. Shared by the instance, its registrations and the calls into it.
struct Liveness {
    bool closing = false;       ///< no new asynchronous work; callers wait for the successor
    bool dead = false;          ///< the module object is gone
    std::size_t in_flight = 0;  ///< coroutines inside the module
};

/// Counts one coroutine inside the module while it lives.
class InFlight {
  public:
    explicit InFlight(std::shared_ptr<Liveness> owner) : owner_{std::move(owner)} { ++owner_->in_flight; }
    InFlight(InFlight&& other) noexcept : owner_{std::exchange(other.owner_, nullptr)} {}
    InFlight& operator=(InFlight&&) = delete;
    ~InFlight() {
        if (owner_) --owner_->in_flight;
    }

  private:
    std::shared_ptr<Liveness> owner_;
};

}  // namespace carillon::runtime
