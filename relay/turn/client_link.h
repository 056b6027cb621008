/// How messages get to a client that is not plain UDP: over a stream or under DTLS.
/// Not here: the streams (stream_client.h), DTLS (dtls_client.h); plain UDP goes in batches (send_batch.h).
#pragma once
#include "config/base/bytes.h"
#include "config/base/clock.h"
#include "stun/turn/five_tuple.h"

namespace carillon::relay {

/// Threading: its shard.
class ClientLink {
  public:
    virtual ~ClientLink() = default;
    /// An answer or an indication about the allocation; a client that cannot take even those is let go.
    virtual void tell(Bytes message) = 0;
    /// Relayed data, as a message of two parts; `mark`: the DSCP and ECN it came with, for who sends datagrams. False:
    /// dropped, because the client does not keep up.
    virtual bool relay(Bytes header, Bytes payload, std::uint8_t mark) = 0;
    const stun::turn::FiveTuple& tuple() const { return tuple_; }

  protected:
    stun::turn::FiveTuple tuple_;
};

/// Who is told what clients say. Threading: its shard.
class ClientEvents {
  public:
    virtual ~ClientEvents() = default;
    /// One whole STUN or ChannelData message.
    virtual void on_message(ClientLink& client, Bytes message, SteadyTime now) = 0;
    /// The octets of the messages before are about to go.
    virtual void on_batch() = 0;
    virtual void on_gone(ClientLink& client, SteadyTime now) = 0;
    /// Whether the client holds an allocation, so that it may be silent.
    virtual bool has_allocation(const ClientLink& client) = 0;
};

}  // namespace carillon::relay
