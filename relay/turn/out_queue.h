/// Octets that wait to be written to a stream: appended behind, taken in front.
#pragma once
#include <cstring>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::relay {

/// Threading: its shard.  Not bounded: who appends looks at size() first.
class OutQueue {
  public:
    static constexpr std::size_t kKept = 16 * 1024;  ///< memory that an empty queue keeps

    std::size_t size() const { return octets_.size() - head_; }
    bool empty() const { return size() == 0; }
    Bytes front() const { return Bytes{octets_}.subspan(head_); }
    void append(Bytes bytes) { octets_.insert(octets_.end(), bytes.begin(), bytes.end()); }
    /// RFC 8656 §12.5: padding to four octets, its content unspecified.
    void pad(std::size_t written) { octets_.resize(octets_.size() + (4 - written % 4) % 4); }
    void consume(std::size_t count) {
        head_ += count;
        if (head_ == octets_.size()) {
            octets_.clear();
            head_ = 0;
            if (octets_.capacity() > kKept) octets_.shrink_to_fit();
        } else if (head_ > octets_.size() / 2) {
            octets_.erase(octets_.begin(), octets_.begin() + static_cast<std::ptrdiff_t>(head_));
            head_ = 0;
        }
    }

  private:
    std::vector<std::byte> octets_;
    std::size_t head_ = 0;
};

}  // namespace carillon::relay
