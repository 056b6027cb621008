/// Responsibility for a message that the server has accepted, passed on with every copy of it.
/// Spec: XEP-0198 §4 ("handled": the server has accepted responsibility for a stanza).
/// Not here: where accepted messages are written down (journal/).
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

namespace carillon::xmpp {

/// Shared by all copies of one accepted message. When the last holder lets go, its fate is settled: delivered, stored,
/// bounced or dropped by a rule. As long as somebody holds it, the message outlives the process.
/// Threading: any thread.
class Custody {
  public:
    virtual ~Custody() = default;
    /// A client has it for certain, or a store has committed it: no copy needs to find another way.
    virtual void reached() = 0;
    virtual bool has_reached() const = 0;
    /// One more session has it queued, as stanza number `sequence` of the managed stream `stream` (a hash of its
    /// SM-ID; 0: of a stream that is not managed). Each call is undone by one of waits_no_more().
    virtual void waits_for(std::uint64_t stream, std::uint32_t sequence) = 0;
    virtual void waits_no_more() = 0;
    /// Whether some session still has it queued.
    virtual bool awaited() const = 0;
    /// The process ends and this message is still unsettled: it stays written down although the holders let go.
    virtual void leave() = 0;
};
using CustodyPtr = std::shared_ptr<Custody>;

}  // namespace carillon::xmpp
