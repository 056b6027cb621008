/// Implements make_turn_peer(): Allocate and ChannelBind, written out here so that the benchmark's idea of TURN
/// does not come from the project's own.
/// Spec: RFC 8489 §5, §14.2; RFC 8656 §7, §12.
/// Not here: authentication (the server runs without), refreshes (a run is shorter than any lifetime).
#include <arpa/inet.h>

#include <cstring>
#include <stdexcept>

#include "tests/bench/relay_load/peer.h"

namespace carillon::bench {
namespace {

constexpr std::uint32_t kCookie = 0x2112A442;
constexpr std::uint16_t kAllocate = 0x0003;
constexpr std::uint16_t kChannelBind = 0x0009;
constexpr std::uint16_t kSuccess = 0x0100;
constexpr std::uint16_t kChannelNumber = 0x000C;
constexpr std::uint16_t kXorPeerAddress = 0x0012;
constexpr std::uint16_t kXorRelayedAddress = 0x0016;
constexpr std::uint16_t kRequestedTransport = 0x0019;
constexpr std::uint16_t kChannel = 0x4000;
constexpr std::size_t kHeader = 20;

std::string u16(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
std::string u32(std::uint32_t value) { return u16(value >> 16) + u16(value & 0xFFFF); }
unsigned u16_at(const std::string& bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]);
}

// Every attribute used here is a multiple of four bytes, so none needs padding.
std::string attribute(std::uint16_t type, const std::string& value) {
    return u16(type) + u16(static_cast<unsigned>(value.size())) + value;
}

std::string xor_address(std::uint16_t port) {
    return u16(1) + u16(port ^ (kCookie >> 16)) + u32(INADDR_LOOPBACK ^ kCookie);  // family 1: IPv4
}

class TurnPeer final : public Peer {
  public:
    explicit TurnPeer(std::uint16_t port) : server_{loopback(port)} {}

    void open(Call& call) override {
        call.a.connect_to(server_);
        const auto allocated = ask(call.a, kAllocate, attribute(kRequestedTransport, std::string{"\x11\0\0\0", 4}));
        call.b.connect_to(loopback(relayed_port(allocated)));
        ask(call.a, kChannelBind,
            attribute(kChannelNumber, u16(kChannel) + u16(0)) + attribute(kXorPeerAddress, xor_address(call.b.port())));
        call.a.use_channel(kChannel);
    }

  private:
    std::string ask(const Endpoint& from, std::uint16_t method, const std::string& attributes) {
        const auto id = std::string(8, 'b') + u32(++transaction_);
        const auto reply =
            from.ask(u16(method) + u16(static_cast<unsigned>(attributes.size())) + u32(kCookie) + id + attributes);
        if (reply.size() < kHeader || u16_at(reply, 0) != (method | kSuccess))
            throw std::runtime_error{"the TURN server refused a request"};
        return reply;
    }

    static std::uint16_t relayed_port(const std::string& reply) {
        for (std::size_t at = kHeader; at + 4 <= reply.size();) {
            const auto size = u16_at(reply, at + 2);
            if (u16_at(reply, at) == kXorRelayedAddress && size >= 8 && at + 12 <= reply.size())
                return static_cast<std::uint16_t>(u16_at(reply, at + 6) ^ (kCookie >> 16));
            at += 4 + (size + 3) / 4 * 4;
        }
        throw std::runtime_error{"no XOR-RELAYED-ADDRESS in the TURN server's answer"};
    }

    sockaddr_in server_;
    std::uint32_t transaction_ = 0;
};

}  // namespace

std::unique_ptr<Peer> make_turn_peer(std::uint16_t port) { return std::make_unique<TurnPeer>(port); }

}  // namespace carillon::bench
