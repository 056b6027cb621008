/// Brings what media jobs have made onto the wire: one on each data shard, woken by an eventfd.
/// Not here: what is made (media_job.h), sealing (engine/stream.h).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "relay/engine/shard_service.h"
#include "relay/engine/stream.h"

namespace carillon::relay {

/// Threading: the shard's, but for wake().  Owns: the eventfd.
class MediaOutlet final : public ShardService {
  public:
    MediaOutlet();
    ~MediaOutlet() override;

    /// An eventfd: whoever writes to it has packets looked for.
    int wake() const { return port_.fd; }
    void add(Stream& stream) { streams_.push_back(&stream); }
    void remove(const Stream& stream) { std::erase(streams_, &stream); }

    void start(std::function<void(Port&)> watch) override { watch(port_); }
    void ready(Port& port, std::uint32_t events, SteadyTime now) override;
    void flush() override {}
    void tick(SteadyTime) override {}

    std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }

  private:
    Port port_;
    std::vector<Stream*> streams_;
    std::array<std::byte, 4096> buffer_{};  // a packet, and room to seal it
    std::atomic<std::uint64_t> sent_{0};
};

}  // namespace carillon::relay
