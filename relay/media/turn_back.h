/// Makes a packet of an end fit to go back to that end: other SSRCs, everywhere they stand, so that no end meets
/// itself, and what the end says about the stream that it hears concerns the stream that it sends. Spec: RFC 3550 §8.2;
/// §6.4 (SR, RR), §6.5 (SDES), §6.6 (BYE); RFC 4585 §6.1; RFC 5104 §4.3.1 (FIR).
#pragma once
#include <cstdint>
#include <span>

#include "config/base/bytes.h"

namespace carillon::relay {

/// False: it is none; what was changed until then does not matter.
bool turn_back_rtp(std::span<std::byte> packet, std::uint32_t mask) noexcept;
bool turn_back_rtcp(std::span<std::byte> packet, std::uint32_t mask) noexcept;

}  // namespace carillon::relay
