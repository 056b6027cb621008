#include "signaling/federation/acks.h"

#include <charconv>

namespace carillon::federation {

std::string ack(std::uint32_t handled) { return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(handled) + "'/>"; }

std::optional<std::uint32_t> handled_of(const xml::Element& ack) {
    const auto text = ack.attribute("h");
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace carillon::federation
