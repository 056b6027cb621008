/// A TURN allocation's place in the journal: of a client over UDP, whose five-tuple a successor finds again.
/// Spec: docs/relay-journal.md.
/// Not here: clients over TCP, TLS and DTLS, whose connections die with the worker; how it goes on (relay/turn).
#pragma once
#include <memory>
#include <optional>

#include "relay/journal/block_file.h"
#include "stun/turn/allocation.h"

namespace carillon::relay::journal {

/// Which of how many shards has it: the kernel gives the client's datagrams to that one again.
struct TurnPlace {
    std::uint8_t place = 0;
    std::uint8_t places = 1;
    std::uint16_t port = 0;  ///< of its relay
};

struct LeftAllocation {
    TurnPlace place;
    stun::turn::Allocation allocation;  ///< without user and relay
};

/// Threading: one thread at a time: the control thread's, then its shard's.  Owns: its blocks.
class TurnRecord {
  public:
    /// nullptr: there is no room.
    static std::unique_ptr<TurnRecord> make(BlockFile& file, const TurnPlace& place,
                                            const stun::turn::Allocation& allocation);
    ~TurnRecord();
    TurnRecord(const TurnRecord&) = delete;
    TurnRecord& operator=(const TurnRecord&) = delete;

    /// As it is now. Without room it stays as it was.
    void save(const TurnPlace& place, const stun::turn::Allocation& allocation);

  private:
    TurnRecord(BlockFile& file, std::uint32_t head) : file_{file}, head_{head} {}
    BlockFile& file_;
    std::uint32_t head_;
};

/// What save() wrote; nullopt: it is not whole, or no allocation that could be.
std::optional<LeftAllocation> read_allocation(Bytes text);

}  // namespace carillon::relay::journal
