/// A stream socket among a shard's ports with what waits to be written to it; two of them make a pipe.
/// Spec: RFC 6062 §5.4 (a data connection and a peer connection, tied together).
/// Not here: what is said on it (stream_client.h, tcp_relay.h).
#pragma once
#include "relay/turn/out_queue.h"
#include "relay/turn/stream_socket.h"
#include "relay/turn/turn_port.h"

namespace carillon::relay {

/// Threading: its shard.  Owns: the socket.
class StreamEnd : public TurnPort {
  public:
    static constexpr std::size_t kPipeMost = 128 * 1024;  ///< octets waiting for one end before the other is not read

    StreamEnd(Poller& poller, StreamSocket connected);
    StreamEnd(const StreamEnd&) = delete;

    bool closed() const { return fd < 0; }
    std::size_t waiting() const { return out_.size(); }
    /// What is read of either end from now on goes to the other.
    void pipe_to(StreamEnd& other);
    bool piped() const { return other_ != nullptr; }
    /// Octets of the far end, or ours.
    void append(Bytes bytes) { out_.append(bytes); }
    /// To the other end of the pipe.
    void forward(Bytes bytes) {
        if (!other_) return;
        other_->append(bytes);
        other_->write_now();
    }
    /// As much as the peer takes; what is over is over by then.
    void write_now();
    /// Ends at once. The other end of a pipe goes too.
    void close();

  protected:
    /// It has ended, by itself or by close(): called once, with the socket closed.
    virtual void ended() = 0;
    /// What of the octets that wait is written at once.
    virtual Bytes next_piece() { return out_.front(); }
    void watch();
    void read_on(bool on);
    void update();
    /// Passes what has come to the other end.
    void pump(std::span<std::byte> buffer);
    /// The peer sends nothing more.
    void read_ended();

    Poller& poller_;
    StreamSocket socket_;
    OutQueue out_;
    SteadyTime progress_{};        // when something was last written, or nothing waited
    bool writing_allowed_ = true;  // false while it connects or shakes hands

  private:
    void finish_after_write();
    void close_when_done();

    StreamEnd* other_ = nullptr;
    std::uint32_t interest_ = 0;
    bool reading_ = true;
    bool read_ended_ = false;
    bool finishing_ = false;
    bool finished_ = false;
};

}  // namespace carillon::relay
