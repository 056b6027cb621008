#include "media/record/udp_frame.h"

#include <algorithm>
#include <span>

namespace carillon::record {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86DD;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kHops = 64;

std::uint32_t sum16(Bytes octets, std::uint32_t sum) {
    for (; octets.size() >= 2; octets = octets.subspan(2)) sum += load_u16(octets.data());
    if (!octets.empty()) sum += std::to_integer<std::uint32_t>(octets[0]) << 8;
    return sum;
}

std::uint16_t folded(std::uint32_t sum) {
    while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

Bytes address_of(const UdpEnd& end, bool v6) { return std::as_bytes(std::span{end.ip}).first(v6 ? 16 : 4); }

void put_address(const UdpEnd& end, bool v6, std::byte* at) { std::ranges::copy(address_of(end, v6), at); }

void fill_ipv4(const UdpEnd& from, const UdpEnd& to, std::size_t datagram, std::span<std::byte> packet) {
    packet[0] = std::byte{0x45};
    store_u16(&packet[2], static_cast<std::uint16_t>(kIpv4Header + datagram));
    packet[6] = std::byte{0x40};  // do not fragment
    packet[8] = std::byte{kHops};
    packet[9] = std::byte{kUdp};
    put_address(from, false, &packet[12]);
    put_address(to, false, &packet[16]);
    store_u16(&packet[10], folded(sum16(packet.first(kIpv4Header), 0)));
}

void fill_ipv6(const UdpEnd& from, const UdpEnd& to, std::size_t datagram, std::span<std::byte> packet) {
    packet[0] = std::byte{0x60};
    store_u16(&packet[4], static_cast<std::uint16_t>(datagram));
    packet[6] = std::byte{kUdp};
    packet[7] = std::byte{kHops};
    put_address(from, true, &packet[8]);
    put_address(to, true, &packet[24]);
}

void fill_udp(const UdpEnd& from, const UdpEnd& to, bool v6, std::size_t size, std::span<std::byte> datagram) {
    store_u16(&datagram[0], from.port);
    store_u16(&datagram[2], to.port);
    store_u16(&datagram[4], static_cast<std::uint16_t>(size));
    if (datagram.size() < size) return;
    // The pseudo-header: addresses, length, protocol.
    auto sum = sum16(address_of(from, v6), 0);
    sum = sum16(address_of(to, v6), sum) + static_cast<std::uint32_t>(datagram.size()) + kUdp;
    const auto checksum = folded(sum16(datagram, sum));
    store_u16(&datagram[6], checksum == 0 ? std::uint16_t{0xFFFF} : checksum);  // 0 would say that there is none
}

}  // namespace

void make_udp_frame(const UdpEnd& from, const UdpEnd& to, Bytes payload, std::size_t size,
                    std::vector<std::byte>& out) {
    const bool v6 = from.v6;
    const std::size_t ip = v6 ? kIpv6Header : kIpv4Header;
    const std::size_t headers = kEthernetHeader + ip + kUdpHeader;
    const std::size_t datagram = kUdpHeader + size;
    out.assign(headers + payload.size(), std::byte{0});
    std::ranges::copy(payload, out.begin() + static_cast<std::ptrdiff_t>(headers));
    store_u16(&out[12], v6 ? kEtherTypeIpv6 : kEtherTypeIpv4);
    const auto packet = std::span{out}.subspan(kEthernetHeader);
    if (v6) {
        fill_ipv6(from, to, datagram, packet);
    } else {
        fill_ipv4(from, to, datagram, packet);
    }
    fill_udp(from, to, v6, datagram, packet.subspan(ip));
}

}  // namespace carillon::record
