/// Implements make_turn_peer(): Allocate and ChannelBind, written out here so that the benchmark's idea of TURN
/// does not come from the project's own.
/// Spec: RFC 8489 §5, §14.2; RFC 8656 §7, §12.
/// Signs requests (RFC 8489 §9.2.2) once a server has asked for it; one that runs without authentication does not.
/// Not here: refreshes (a run is shorter than any lifetime).
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
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
constexpr std::uint16_t kUsername = 0x0006;
constexpr std::uint16_t kMessageIntegrity = 0x0008;
constexpr std::uint16_t kErrorCode = 0x0009;
constexpr std::uint16_t kRealm = 0x0014;
constexpr std::uint16_t kNonce = 0x0015;
constexpr std::uint16_t kChannel = 0x4000;
constexpr std::uint16_t kError = 0x0110;
constexpr std::size_t kIntegrityAttribute = 24;
const std::string kUser = "bench";
const std::string kPassword = "bench";
constexpr std::size_t kHeader = 20;

std::string u16(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
std::string u32(std::uint32_t value) { return u16(value >> 16) + u16(value & 0xFFFF); }
unsigned u16_at(const std::string& bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]);
}

std::string attribute(std::uint16_t type, const std::string& value) {
    return u16(type) + u16(static_cast<unsigned>(value.size())) + value + std::string((4 - value.size() % 4) % 4, '\0');
}

/// The value of an attribute; empty when it is not there.
std::string value_of(const std::string& message, std::uint16_t type) {
    for (std::size_t at = kHeader; at + 4 <= message.size();) {
        const auto size = u16_at(message, at + 2);
        if (u16_at(message, at) == type && at + 4 + size <= message.size()) return message.substr(at + 4, size);
        at += 4 + (size + 3) / 4 * 4;
    }
    return {};
}

std::string md5(const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), out.data(), &size, ::EVP_md5(), nullptr);
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac_sha1(const std::string& key, const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    ::HMAC(::EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
           text.size(), out.data(), &size);
    return {reinterpret_cast<const char*>(out.data()), size};
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
    std::string request(std::uint16_t method, std::string attributes) {
        const auto id = std::string(8, 'b') + u32(++transaction_);
        if (!realm_.empty())
            attributes += attribute(kUsername, kUser) + attribute(kRealm, realm_) + attribute(kNonce, nonce_);
        const auto size = attributes.size() + (realm_.empty() ? 0 : kIntegrityAttribute);
        auto message = u16(method) + u16(static_cast<unsigned>(size)) + u32(kCookie) + id + attributes;
        if (realm_.empty()) return message;
        const auto key = md5(kUser + ':' + realm_ + ':' + kPassword);
        return message + attribute(kMessageIntegrity, hmac_sha1(key, message));
    }

    std::string ask(const Endpoint& from, std::uint16_t method, const std::string& attributes) {
        auto reply = from.ask(request(method, attributes));
        if (reply.size() >= kHeader && u16_at(reply, 0) == (method | kError) && realm_.empty() &&
            value_of(reply, kErrorCode).substr(2, 2) == std::string{4, 1}) {  // 401
            realm_ = value_of(reply, kRealm);
            nonce_ = value_of(reply, kNonce);
            reply = from.ask(request(method, attributes));
        }
        if (reply.size() < kHeader || u16_at(reply, 0) != (method | kSuccess))
            throw std::runtime_error{"the TURN server refused a request"};
        return reply;
    }

    static std::uint16_t relayed_port(const std::string& reply) {
        const auto address = value_of(reply, kXorRelayedAddress);
        if (address.size() < 8) throw std::runtime_error{"no XOR-RELAYED-ADDRESS in the TURN server's answer"};
        return static_cast<std::uint16_t>(u16_at(address, 2) ^ (kCookie >> 16));
    }

    sockaddr_in server_;
    std::uint32_t transaction_ = 0;
    std::string realm_, nonce_;
};

}  // namespace

std::unique_ptr<Peer> make_turn_peer(std::uint16_t port) { return std::make_unique<TurnPeer>(port); }

}  // namespace carillon::bench
