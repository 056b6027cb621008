/// A TURN allocation's place in the journal: of a client over UDP, whose five-tuple a successor finds again, or of one
/// that has a mobility ticket to come back with; and that of a port that is reserved.
/// Spec: docs/relay-journal.md.
/// Not here: the connections of clients over TCP, TLS and DTLS, which die with the worker; how it goes on (relay/turn).
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

/// RFC 8656: the port next to an even one, for who brings the token.
struct LeftReservation {
    std::array<std::byte, 8> token{};
    std::uint16_t port = 0;
    SteadyTime expires{};
};

/// Threading: one thread at a time: the control thread's, then its shard's.  Owns: its blocks.
class TurnRecord {
  public:
    /// nullptr: there is no room.
    static std::unique_ptr<TurnRecord> make(BlockFile& file, const TurnPlace& place,
                                            const stun::turn::Allocation& allocation);
    static std::unique_ptr<TurnRecord> make(BlockFile& file, const LeftReservation& reservation);
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
std::optional<LeftReservation> read_reservation(Bytes text);

}  // namespace carillon::relay::journal
