/// How often somebody may do something: so many at once, so many a second in the long run.
#pragma once
#include <algorithm>

#include "config/base/clock.h"

namespace carillon::modules::rooms {

/// Threading: one thread.
class Bucket {
  public:
    bool take(SteadyTime now, double rate, double burst) {
        if (!used_) left_ = burst;
        if (used_) left_ = std::min(burst, left_ + std::chrono::duration<double>(now - last_).count() * rate);
        used_ = true;
        last_ = now;
        if (left_ < 1) return false;
        left_ -= 1;
        return true;
    }

  private:
    double left_ = 0;
    SteadyTime last_{};
    bool used_ = false;
};

}  // namespace carillon::modules::rooms
