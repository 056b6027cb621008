/// Frames that wait to be written to a connection, in memory that is taken once: a bound, and no allocation a packet.
/// Spec: RFC 4571 §2.
#pragma once
#include <cstring>
#include <memory>

#include "relay/icetcp/framing.h"

namespace carillon::relay::icetcp {

/// Threading: its shard.
class FrameQueue {
  public:
    static constexpr std::size_t kMost = 72 * 1024;       ///< octets
    static constexpr std::size_t kMediaMost = 64 * 1024;  ///< for media; the rest is for STUN and DTLS

    bool empty() const { return head_ == tail_; }
    std::size_t size() const { return tail_ - head_; }
    Bytes front() const { return {octets_.get() + head_, size()}; }

    /// False: there is no room for it. A frame goes in whole or not at all.
    bool push(Bytes packet, bool media) {
        const auto need = kHeader + packet.size();
        if (packet.size() > 0xFFFF || size() + need > (media ? kMediaMost : kMost)) return false;
        if (!octets_) octets_ = std::make_unique_for_overwrite<std::byte[]>(kMost);
        if (tail_ + need > kMost) {
            std::memmove(octets_.get(), octets_.get() + head_, size());
            tail_ = size();
            head_ = 0;
        }
        const auto header = header_of(packet.size());
        std::memcpy(octets_.get() + tail_, header.data(), header.size());
        std::memcpy(octets_.get() + tail_ + kHeader, packet.data(), packet.size());
        tail_ += need;
        return true;
    }
    void consume(std::size_t count) {
        head_ += count;
        if (empty()) head_ = tail_ = 0;  // the first pages over and over
    }

  private:
    std::unique_ptr<std::byte[]> octets_;  // with the first packet: a stranger gets none
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

}  // namespace carillon::relay::icetcp
