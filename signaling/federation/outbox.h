/// What waits for another server, and what has been written to it and is not known to have arrived.
/// Spec: XEP-0198 §4 (acks between servers; without resumption: what was not acknowledged is written again on the next
/// stream).
/// Not here: streams (way.h), when to write (link.h).
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "signaling/federation/way.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::federation {

/// Threading: one thread.
class Outbox {
  public:
    Outbox(std::size_t stanzas, std::size_t octets) : most_stanzas_{stanzas}, most_octets_{octets} {}

    /// False: too much waits, and the stanza is untouched.
    bool push(xmpp::Stanza& stanza);
    std::size_t waiting() const { return waiting_.size(); }
    /// Written, but not acknowledged.
    std::size_t sent() const { return sent_.size(); }
    bool empty() const { return waiting_.empty() && sent_.empty(); }
    /// Too much is unacknowledged to write more.
    bool full() const { return sent_.size() >= most_stanzas_; }
    /// How many have ever been seen to have got there.
    std::uint64_t settled() const { return settled_; }

    struct Batch {
        std::string text;
        std::uint32_t count = 0;
    };
    /// The next stanzas, of about `octets` at most; they count as sent.
    Batch take(std::size_t octets);
    /// How writing the last batch went. Without acks on that stream its stanzas are settled.
    void written(const Way::Written& how);
    /// <a h='...'/>, in whatever order with written().
    void acknowledged(std::uint32_t handled);
    /// The stream is over: all that is not settled waits again, in order.
    void retry();
    /// All that is in it, in order; it is empty afterwards.
    std::vector<xmpp::Stanza> take_all();

  private:
    struct Entry {
        xmpp::Stanza stanza;
        std::size_t octets;
    };
    void settle(std::size_t count);
    void compare();

    std::size_t most_stanzas_;
    std::size_t most_octets_;
    std::deque<Entry> waiting_;
    std::deque<Entry> sent_;
    std::size_t octets_ = 0;     // of waiting_
    std::size_t in_flight_ = 0;  // of sent_, the last ones: how they went is not known yet
    std::uint64_t settled_ = 0;
    std::optional<std::uint32_t> number_;   // of the last stanza written, as the stream counts
    std::optional<std::uint32_t> handled_;  // as the other server counts
};

}  // namespace carillon::federation
