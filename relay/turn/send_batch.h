/// Datagrams on their way out: sent together, and as segments of one message where they are of one size and to one
/// place. Spec: sendmmsg(2), udp(7) UDP_SEGMENT.
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "config/base/bytes.h"
#include "relay/ports/send_control.h"

namespace carillon::relay {

/// Threading: its shard.  Payloads have to stay where they are until flush(); headers are copied.
class SendBatch {
  public:
    SendBatch();
    /// A datagram of `header` (at most 4 octets, perhaps none) and `payload`; `mark`: its DSCP and ECN.
    void add(int fd, const sockaddr_storage& to, socklen_t length, Bytes header, Bytes payload, std::uint8_t mark = 0);
    void flush();
    std::uint64_t sent() const { return sent_; }

  private:
    static constexpr std::size_t kRuns = 64;
    static constexpr std::size_t kSegments = 256;
    static constexpr std::size_t kMaxSegments = 60;     // of one message; kernels take 64
    static constexpr std::size_t kMaxMessage = 60'000;  // a UDP datagram's limit, with room for headers

    /// Datagrams to one place, of one mark, of one size but for a shorter last one.
    struct Run {
        int fd = -1;
        std::size_t first = 0;  // in vectors_
        std::size_t parts = 0;  // vectors a segment
        std::size_t segments = 0;
        std::size_t size = 0;
        std::size_t total = 0;
        bool closed = false;
        std::uint8_t mark = 0;
    };
    bool fits_last(const Run& next, const sockaddr_storage& to, socklen_t length) const;
    void prepare(std::size_t run);
    void send_range(std::size_t first, std::size_t last);
    void send_singly(const Run& run, const msghdr& head);

    std::array<Run, kRuns> runs_;
    std::array<sockaddr_storage, kRuns> to_;
    std::array<mmsghdr, kRuns> messages_{};
    std::array<SendControl, kRuns> control_;
    std::array<iovec, 2 * kSegments> vectors_;
    std::array<std::array<std::byte, 4>, kSegments> headers_;
    std::size_t run_count_ = 0;
    std::size_t vector_count_ = 0;
    std::size_t header_count_ = 0;
    std::uint64_t sent_ = 0;
    bool segmentation_ = true;  // until the kernel refuses
};

}  // namespace carillon::relay
