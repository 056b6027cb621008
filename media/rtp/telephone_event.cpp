#include "media/rtp/telephone_event.h"

#include <string_view>

namespace carillon::rtp {
namespace {

constexpr std::string_view kDigits = "0123456789*#ABCD";

}  // namespace

Parsed<TelephoneEvent> TelephoneEvent::parse(Bytes payload) {
    if (payload.size() < 4) return std::unexpected{Errc::truncated};
    const auto flags = std::to_integer<std::uint8_t>(payload[1]);
    return TelephoneEvent{.event = std::to_integer<std::uint8_t>(payload[0]),
                          .end = (flags & 0x80) != 0,
                          .volume = static_cast<std::uint8_t>(flags & 0x3F),
                          .duration = load_u16(&payload[2])};
}

std::array<std::byte, 4> TelephoneEvent::serialize() const {
    std::array<std::byte, 4> payload{};
    payload[0] = std::byte{event};
    payload[1] = static_cast<std::byte>((end ? 0x80 : 0) | (volume & 0x3F));
    store_u16(&payload[2], duration);
    return payload;
}

std::optional<char> digit_of(std::uint8_t event) {
    return event < kDigits.size() ? std::optional{kDigits[event]} : std::nullopt;
}

std::optional<std::uint8_t> event_of(char digit) {
    const auto at = kDigits.find(digit);
    return at == std::string_view::npos ? std::nullopt : std::optional{static_cast<std::uint8_t>(at)};
}

std::optional<char> EventDetector::on_packet(const Header& header, Bytes payload) {
    const auto event = TelephoneEvent::parse(payload);
    if (!event) return std::nullopt;
    // §2.5.1.2: all packets of one event bear the timestamp of its beginning; a late repeat of an older one is no news.
    if (last_timestamp_ && static_cast<std::int32_t>(header.timestamp - *last_timestamp_) <= 0) return std::nullopt;
    last_timestamp_ = header.timestamp;
    return digit_of(event->event);
}

}  // namespace carillon::rtp
