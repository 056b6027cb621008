/// A UDP datagram as an Ethernet frame, for captures of what passed through a socket. The MAC addresses are zeros, as
/// on the loopback interface. (Raw IP would be shorter, but libpcap 1.10 does not read a pcapng file with several such
/// interfaces.)
/// Spec: RFC 791 §3.1, RFC 8200 §3, RFC 768 (checksums; RFC 1071).
/// Not here: fragments: a packet is as long as its datagram wants.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "config/base/bytes.h"

namespace carillon::record {

struct UdpEnd {
    std::array<std::uint8_t, 16> ip{};  ///< network order; the first 4 octets when v4
    std::uint16_t port = 0;
    bool v6 = false;
};

/// Replaces `out`. Both ends are of one family, else the source's counts. `size` is that of the whole datagram: when
/// `payload` is less (a snap length), the headers tell of what there was, and the checksum is left out.
void make_udp_frame(const UdpEnd& from, const UdpEnd& to, Bytes payload, std::size_t size, std::vector<std::byte>& out);

}  // namespace carillon::record
