#include "signaling/calls/hep/hep_packet.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace carillon::calls::hep {
namespace {

constexpr std::size_t kMost = 65'507;  // octets in a UDP datagram over IPv4
constexpr std::size_t kChunkHeader = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIpv4 = 2, kIpv6 = 10;  // as Linux numbers address families

enum class Chunk : std::uint16_t {
    family = 0x0001,
    transport = 0x0002,
    source_v4 = 0x0003,
    destination_v4 = 0x0004,
    source_v6 = 0x0005,
    destination_v6 = 0x0006,
    source_port = 0x0007,
    destination_port = 0x0008,
    seconds = 0x0009,
    microseconds = 0x000A,
    protocol = 0x000B,
    agent = 0x000C,
    key = 0x000E,
    payload = 0x000F,
    correlation = 0x0011,
    mos = 0x0020,  // times 100
};

class Writer {
  public:
    void u8(Chunk type, std::uint8_t value) { head(type, 1), out_.u8(value); }
    void u16(Chunk type, std::uint16_t value) { head(type, 2), out_.u16(value); }
    void u32(Chunk type, std::uint32_t value) { head(type, 4), out_.u32(value); }
    void octets(Chunk type, Bytes value) { head(type, value.size()), out_.bytes(value); }
    std::vector<std::byte> finish() {
        ByteWriter whole;
        whole.bytes(as_bytes("HEP3")), whole.u16(static_cast<std::uint16_t>(kChunkHeader + out_.size()));
        whole.bytes(out_.view());
        return whole.release();
    }

  private:
    void head(Chunk type, std::size_t size) {
        out_.u16(0), out_.u16(static_cast<std::uint16_t>(type));
        out_.u16(static_cast<std::uint16_t>(kChunkHeader + size));
    }
    ByteWriter out_;
};

bool is_v6(const std::string& ip) { return ip.find(':') != ip.npos; }

/// IPv4 within IPv6 where the other end is IPv6.
std::vector<std::byte> packed(const std::string& ip, bool v6) {
    std::vector<std::byte> out(v6 ? 16 : 4);
    if (v6 == is_v6(ip)) {
        ::inet_pton(v6 ? AF_INET6 : AF_INET, ip.c_str(), out.data());
    } else {
        out[10] = out[11] = std::byte{0xFF};
        ::inet_pton(AF_INET, ip.c_str(), &out[12]);
    }
    return out;
}

}  // namespace

Endpoint Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return {};
    auto ip = text.substr(0, colon);
    if (ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
    Endpoint out{.ip = std::string{ip}};
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    std::array<std::byte, 16> ignored;
    const bool numeric = ::inet_pton(is_v6(out.ip) ? AF_INET6 : AF_INET, out.ip.c_str(), ignored.data()) == 1;
    const bool bracketed = is_v6(out.ip) == (text.front() == '[');
    return numeric && bracketed && error == std::errc{} && end == digits.data() + digits.size() ? out : Endpoint{};
}

std::vector<std::byte> write(const Packet& packet) {
    constexpr std::size_t kOthers = 200;  // all chunks but the texts
    if (packet.payload.size() + packet.correlation.size() + packet.key.size() + kOthers > kMost) return {};
    const bool v6 = is_v6(packet.source.ip) || is_v6(packet.destination.ip);
    Writer out;
    out.u8(Chunk::family, v6 ? kIpv6 : kIpv4);
    out.u8(Chunk::transport, kUdp);
    out.octets(v6 ? Chunk::source_v6 : Chunk::source_v4, packed(packet.source.ip, v6));
    out.octets(v6 ? Chunk::destination_v6 : Chunk::destination_v4, packed(packet.destination.ip, v6));
    out.u16(Chunk::source_port, packet.source.port);
    out.u16(Chunk::destination_port, packet.destination.port);
    out.u32(Chunk::seconds, static_cast<std::uint32_t>(packet.time.count() / 1'000'000));
    out.u32(Chunk::microseconds, static_cast<std::uint32_t>(packet.time.count() % 1'000'000));
    out.u8(Chunk::protocol, static_cast<std::uint8_t>(packet.protocol));
    out.u32(Chunk::agent, packet.agent);
    if (!packet.key.empty()) out.octets(Chunk::key, as_bytes(packet.key));
    if (!packet.correlation.empty()) out.octets(Chunk::correlation, as_bytes(packet.correlation));
    if (packet.mos > 0) out.u16(Chunk::mos, static_cast<std::uint16_t>(packet.mos * 100));
    out.octets(Chunk::payload, as_bytes(packet.payload));
    return out.finish();
}

}  // namespace carillon::calls::hep
