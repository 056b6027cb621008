/// Puts received RTP payloads back into their order and rhythm, and says where one is missing.
/// Not here: decoding and concealment (codecs/), arrival statistics (media/rtp), time: who plays calls pop() in rhythm.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::jitter {

struct Limits {
    std::chrono::milliseconds target{80};    ///< how much is gathered before the first sample plays
    std::chrono::milliseconds maximum{500};  ///< beyond this the oldest is skipped: delay may not grow for ever
    std::size_t packets = 200;
};

struct Counters {
    std::uint64_t queued = 0, duplicate = 0, late = 0, overflow = 0;  ///< of push()
    std::uint64_t played = 0, missing = 0, stalled = 0, skipped = 0;  ///< of pop()
};

/// Plays by RTP timestamp, so that frames of any length and senders that pause (silence suppression) work alike.
/// When it runs dry it waits rather than skipping: the delay adapts upwards to the network at hand, up to the maximum.
/// Threading: one thread at a time.
class JitterBuffer {
  public:
    explicit JitterBuffer(unsigned clock_rate, Limits limits = {}) : clock_rate_{clock_rate}, limits_{limits} {}

    enum class Push { queued, duplicate, late, overflow };
    Push push(std::uint16_t sequence, std::uint32_t timestamp, std::uint8_t payload_type, Bytes payload);

    enum class State {
        frame,    ///< `payload` is due now
        missing,  ///< a packet was lost here: conceal
        silence,  ///< the sender paused
        waiting,  ///< nothing to play yet, or again
    };
    struct Playout {
        State state = State::waiting;
        std::uint8_t payload_type = 0;
        std::vector<std::byte> payload;
        std::uint32_t late = 0;  ///< after `waiting`: how much of what waited() told was no pause of the sender's
    };
    /// What to play next. Afterwards tell by played() how long it was; `waiting` takes no time of the stream.
    Playout pop();
    void played(std::uint32_t ticks) { next_ += ticks; }
    /// After `waiting`: so much time went by with something else. If the sender turns out to have paused, the pause
    /// has gone by with it; else what comes is that much later.
    void waited(std::uint32_t ticks) { waited_ += ticks; }
    /// What is gathered when the stream begins again.
    void retarget(std::chrono::milliseconds target) { limits_.target = target; }
    bool playing() const { return playing_; }
    /// The next pop() brings a frame.
    bool ready() const { return playing_ && !packets_.empty() && packets_.begin()->first <= next_; }
    bool empty() const { return packets_.empty(); }
    /// The payload that plays `ticks` after what is due now, if it has come; empty when not. Good until push() or
    /// pop().
    Bytes following(std::uint32_t ticks) const {
        const auto at = packets_.find(next_ + ticks);
        return at == packets_.end() ? Bytes{} : Bytes{at->second.payload};
    }

    std::chrono::milliseconds depth() const;
    const Counters& counters() const { return counters_; }

  private:
    struct Packet {
        std::int64_t sequence;
        std::uint8_t payload_type;
        std::vector<std::byte> payload;
    };

    std::int64_t ticks(std::chrono::milliseconds time) const { return time.count() * clock_rate_ / 1000; }
    std::int64_t span() const;

    unsigned clock_rate_;
    Limits limits_;
    std::map<std::int64_t, Packet> packets_;  // by extended timestamp
    std::optional<std::int64_t> latest_timestamp_;
    std::optional<std::int64_t> latest_sequence_;
    std::int64_t next_ = 0;         // extended timestamp that plays next
    std::int64_t last_played_ = 0;  // extended sequence number
    bool playing_ = false;
    bool started_ = false;
    unsigned dry_ = 0;         // pops in a row that found nothing
    std::int64_t waited_ = 0;  // ticks, since it ran dry
    Counters counters_;
};

}  // namespace carillon::jitter
