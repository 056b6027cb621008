/// A client over TCP or TLS: its octets cut into messages, and messages queued for it.
/// Spec: RFC 8489 §6.2.2, §6.2.3, RFC 8656 §3.1, §12.5; RFC 7983 §7 (which first octets are TLS).
/// Not here: accepting (stream_door.h), what messages mean (turn_service.h).
#pragma once
#include <optional>

#include "relay/turn/address_places.h"
#include "relay/turn/client_link.h"
#include "relay/turn/stream_end.h"

namespace carillon::relay {

class StreamDoor;

/// Threading: its shard.
class StreamClient final : public StreamEnd, public ClientLink {
  public:
    static constexpr std::size_t kRelayedMost = 64 * 1024;  ///< octets waiting; relayed data beyond is dropped
    static constexpr std::size_t kAnswersMost = 96 * 1024;  ///< a client that does not even take answers is let go
    static constexpr std::size_t kStrangersMost = 2048;     ///< a message of who has no allocation
    static constexpr std::size_t kMessageMost = 65536 + 4;
    static constexpr std::chrono::seconds kOpening{10};  ///< until hands are shaken
    static constexpr std::chrono::seconds kIdle{60};     ///< without an allocation
    static constexpr std::chrono::seconds kPartial{20};  ///< for a message to be whole
    static constexpr std::chrono::seconds kStalled{20};  ///< taking nothing

    /// What moves from one shard to another, with what was read and not handled.
    struct Parcel {
        StreamSocket socket;
        stun::turn::FiveTuple tuple;
        std::vector<std::byte> in;
        AddressPlaces::Place place;
        bool open = false;  ///< past its beginning
    };
    StreamClient(StreamDoor& door, Poller& poller, Parcel parcel, SteadyTime now);

    void start(SteadyTime now);
    void ready(std::uint32_t events, SteadyTime now) override;
    void tell(Bytes message) override;
    bool relay(Bytes header, Bytes payload, std::uint8_t mark) override;
    /// Past a deadline, or beyond what may wait for it.
    bool overdue(SteadyTime now) const;
    bool overflowed() const { return waiting() > kAnswersMost; }
    /// To another shard, from within on_message; this object is done.
    void give_to(std::function<void(Parcel)> taker) { taker_ = std::move(taker); }

    bool dirty = false;  ///< among those that the door writes to at the end of the round

  private:
    enum class Phase { sniffing, handshake, open };
    void ended() override;
    Bytes next_piece() override;
    void sniff(SteadyTime now);
    void shake_hands(SteadyTime now);
    void take_in(SteadyTime now);
    /// Answers what is left.
    std::optional<Bytes> messages(Bytes input, SteadyTime now);
    void hand_over(Bytes rest);

    StreamDoor& door_;
    AddressPlaces::Place place_;
    std::vector<std::byte> in_;  // the beginning of a message
    Phase phase_ = Phase::sniffing;
    SteadyTime began_, heard_, partial_{};
    std::function<void(Parcel)> taker_;
};

}  // namespace carillon::relay
