/// The elements of stream management between servers. There is no resumption.
/// Spec: XEP-0198 §3 (enabling), §4 (acks).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::federation {

inline constexpr std::string_view kAcks = "urn:xmpp:sm:3";
inline constexpr std::string_view kEnable = "<enable xmlns='urn:xmpp:sm:3'/>";
inline constexpr std::string_view kEnabled = "<enabled xmlns='urn:xmpp:sm:3'/>";
inline constexpr std::string_view kRequest = "<r xmlns='urn:xmpp:sm:3'/>";
inline constexpr std::string_view kEnableFailed =
    "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
inline constexpr std::string_view kResumeFailed =
    "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";

/// XEP-0288 §2: offered in the features, and asked for.
inline constexpr std::string_view kBidiFeature = "urn:xmpp:features:bidi";
inline constexpr std::string_view kBidi = "urn:xmpp:bidi";

std::string ack(std::uint32_t handled);
/// `h` of an <a/>; nothing when it is no number of 32 bits.
std::optional<std::uint32_t> handled_of(const xml::Element& ack);
/// Whether `handled` can be, when `sent` stanzas were counted: not more than that, within half the circle.
constexpr bool plausible(std::uint32_t handled, std::uint32_t sent) {
    return static_cast<std::int32_t>(sent - handled) >= 0;
}

}  // namespace carillon::federation
