/// Two ends inside the process, connected as by TCP: for streams that come by something other than a connection.
/// Not here: waiting in coroutines (socket.h takes an end), BOSH (bosh/).
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::net {

/// One direction: octets between a writer and a reader, each on a thread of its own.
/// Threading: any thread. A wake is called once, on the other side's thread and never under the lock: it must post.
/// Bounded: `capacity` octets.
class PipeBuffer {
  public:
    using Wake = std::function<void()>;

    explicit PipeBuffer(std::size_t capacity) : capacity_{capacity} {}

    /// Takes what is there; 0 octets when there is nothing now, nothing at all when the writer has ended.
    std::optional<std::size_t> read(std::span<char> into);
    /// Puts in what fits; nothing at all when either side has ended.
    std::optional<std::size_t> write(std::string_view octets);
    /// False: there is no need to wait. Else `wake` is called when there is none any more.
    bool wait_to_read(Wake wake);
    bool wait_to_write(Wake wake);
    /// Nothing more is written; what is inside may still be read.
    void end();

  private:
    std::mutex mutex_;
    std::string octets_;
    std::size_t taken_ = 0;  // of octets_
    std::size_t capacity_;
    bool ended_ = false;
    Wake reader_;
    Wake writer_;
};

/// What one side holds. Ending both directions is closing.
struct PipeEnd {
    std::shared_ptr<PipeBuffer> in;
    std::shared_ptr<PipeBuffer> out;
    std::string peer;        ///< address that the other side speaks for
    bool encrypted = false;  ///< whether nobody could listen on the way there

    void close() const {
        in->end();
        out->end();
    }
};

/// Two ends, each other's other side.
std::pair<PipeEnd, PipeEnd> make_pipe(std::size_t capacity);

}  // namespace carillon::net
