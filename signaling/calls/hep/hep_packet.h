/// One HEPv3 packet: a message about a call with the addresses it is about, for a HOMER server.
/// Spec: "HEP3 protocol specification" rev. 32 (SIPCAPTURE): header, generic chunks (vendor 0).
///  0                   1                   2                   3
/// | "HEP3"                                                        |
/// | total length                  | chunks: vendor 16, type 16, length 16, value ...
/// Not here: sending (hep_exporter.h).
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::calls::hep {

/// Chunk 0x000b: what the payload is.
enum class Protocol : std::uint8_t { xmpp = 2, rtcp_json = 5 };

/// A numeric address; 0.0.0.0 and port 0 where none is known.
struct Endpoint {
    std::string ip = "0.0.0.0";
    std::uint16_t port = 0;
    /// "192.0.2.1:5000", "[2001:db8::1]:5000"; anything else is the unknown one.
    static Endpoint parse(std::string_view text);
};

struct Packet {
    Endpoint source{}, destination{};
    std::chrono::microseconds time{};  ///< since 1970
    Protocol protocol = Protocol::xmpp;
    std::uint32_t agent = 0;
    std::string_view key{};          ///< the server's password; empty: none
    std::string_view correlation{};  ///< what belongs together
    std::string_view payload{};
    double mos = 0;  ///< of what the payload is about; 0: not known
};

/// Empty: it does not fit a UDP datagram.
std::vector<std::byte> write(const Packet& packet);

}  // namespace carillon::calls::hep
