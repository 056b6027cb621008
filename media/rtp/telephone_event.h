/// Named telephone events: digits as RTP payloads, read, made, and heard once however often they are repeated.
/// Spec: RFC 4733 §2.3 (payload), §2.5 (retransmission, the same timestamp for one event), §3.2 (DTMF events 0-15).
/// Not here: tones in sound (codecs/tones).
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "media/rtp/packet.h"

namespace carillon::rtp {

///  0                   1                   2                   3
/// |     event     |E|R| volume    |          duration             |
struct TelephoneEvent {
    std::uint8_t event = 0;
    bool end = false;
    std::uint8_t volume = 10;    ///< 0..63 in -dBm0
    std::uint16_t duration = 0;  ///< in timestamp units

    static Parsed<TelephoneEvent> parse(Bytes payload);
    std::array<std::byte, 4> serialize() const;
};

/// '0'-'9', '*', '#', 'A'-'D' for events 0..15; nothing for others.
std::optional<char> digit_of(std::uint8_t event);
std::optional<std::uint8_t> event_of(char digit);

/// Threading: one thread. Allocates nothing.
class EventDetector {
  public:
    /// The digit, once for each event: at the first packet seen of it.
    std::optional<char> on_packet(const Header& header, Bytes payload);

  private:
    std::optional<std::uint32_t> last_timestamp_;
};

}  // namespace carillon::rtp
