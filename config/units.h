/// Durations, sizes and addresses as people write them: "30 s", "64 KiB", "2001:db8::1".
/// Not here: numbers without units, which TOML reads itself.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::config {

using Duration = std::chrono::milliseconds;

/// A whole number and ms, s, min, h or d; the space between may be missing. nullopt for anything else or an overflow.
std::optional<Duration> parse_duration(std::string_view text);
/// In the largest unit that leaves a whole number: 90000 ms is "90 s".
std::string format_duration(Duration value);

/// A whole number and B, KiB, MiB or GiB.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t value);

/// A literal IPv4 or IPv6 address, without brackets, port or zone.
bool is_address(std::string_view text);
bool is_loopback(std::string_view address);
/// A domain that may stand in a JID, as far as its characters go (preparation is signaling/xmpp/jid.h's).
bool is_domain(std::string_view text);

}  // namespace carillon::config
