/// A script of requests, signed and not, by several clients at a clock that jumps: whatever they do, nothing is sent to
/// a forbidden peer or without a permission, answers stay small, quotas hold, and every relay is given back. The input
/// is a list of steps: what, by whom, and a few octets of detail.
#include <array>
#include <cstdlib>
#include <map>
#include <vector>

#include "stun/turn/server.h"

using namespace carillon;
using namespace carillon::stun;
using namespace carillon::stun::turn;

namespace {

constexpr std::size_t kQuota = 3;

void require(bool holds) {
    if (!holds) std::abort();
}

TransportAddress at(std::string_view ip, std::uint16_t port) {
    auto address = Prefix::parse(ip)->base;
    address.port = port;
    return address;
}

struct CountedRelay final : Relay {
    explicit CountedRelay(int& number) : open{number} { ++open; }
    ~CountedRelay() override { --open; }
    int& open;
};

struct World final : Host {
    std::expected<Opened, Refusal> open(const RelayRequest& request) override {
        if (relays > 20) return std::unexpected{Refusal{508, "Insufficient Capacity"}};
        Opened out{.relay = std::make_unique<CountedRelay>(relays), .v4 = {}, .v6 = {}, .reservation = {}};
        if (request.v4) out.v4 = at("8.8.4.4", next_port++);
        if (request.v6) out.v6 = at("2a00::4", next_port++);
        return out;
    }
    void installed(Allocation&) override {}
    void moved(Allocation&, const FiveTuple&) override {}
    void ended(Allocation&) override {}
    void send(Allocation& allocation, const TransportAddress& peer, Bytes, bool) override {
        require(policy.admits(peer));
        require(allocation.permits(peer, now.steady));
        require(!allocation.tcp && allocation.relays(peer.v6));
    }
    std::optional<Refusal> connect(Allocation& allocation, const PendingConnect& pending) override {
        require(policy.admits(pending.peer) && allocation.tcp);
        return std::nullopt;
    }
    bool bind_connection(const FiveTuple&, std::uint32_t id, const Owner&) override { return id % 2 == 0; }

    PeerPolicy policy{{.allowed = {},
                       .denied = {},
                       .own = {at("8.8.4.4", 0)},
                       .relayed = {at("8.8.4.4", 0)},
                       .first_port = 30000,
                       .last_port = 39999}};
    Server::Time now{SteadyTime{} + std::chrono::hours{1}, std::chrono::seconds{1'700'000'000}};
    int relays = 0;
    std::uint16_t next_port = 30000;
};

constexpr std::array kMethods{Method::allocate,        Method::refresh, Method::create_permission,
                              Method::channel_bind,    Method::send,    Method::connect,
                              Method::connection_bind, Method::binding, Method::connection_attempt};

struct Script {
    World world;
    Credentials credentials{{.realm = "r", .secrets = {}, .users = {{"a", Secret{"x"}}, {"b", Secret{"y"}}}}};
    Nonces nonces{"key"};
    Users users{kQuota, 0};
    Server server{{}, credentials, nonces, world.policy, users, world};
    std::map<int, std::string> tickets;
    std::uint8_t transactions = 0;

    FiveTuple tuple(unsigned who) const {
        const auto transport = static_cast<Transport>(who / 4 % 4);
        return {at("9.9.9.9", static_cast<std::uint16_t>(4000 + who % 4)), at("8.8.8.8", 3478), transport};
    }

    static TransportAddress peer(unsigned detail) {
        static const std::array kPeers{
            at("1.2.3.4", 5),  at("1.2.3.4", 6),         at("127.0.0.1", 7), at("8.8.4.4", 30001),
            at("8.8.4.4", 22), at("2a00::9", 9),         at("::1", 9),       at("64:ff9b::7f00:1", 9),
            at("10.1.1.1", 8), at("169.254.169.254", 80)};
        return kPeers[detail % kPeers.size()];
    }

    void give(const FiveTuple& from, Bytes message) {
        std::array<std::byte, Server::kMaxAnswer> out;
        const auto answer = server.on_message(from, message, world.now, out);
        if (answer.empty()) return;
        const auto parsed = Message::parse(answer);
        require(parsed && (parsed->message_class() == Class::success || parsed->message_class() == Class::error));
        if (const auto ticket = parsed->attribute(Attribute::mobility_ticket))
            tickets[from.client.port] = std::string{as_text(*ticket)};
    }

    void add(Builder& message, unsigned detail, unsigned value) {
        const std::array<std::byte, 4> four{static_cast<std::byte>(value), std::byte{0}, std::byte{0}, std::byte{0}};
        if ((detail & 1) != 0) message.xor_address(Attribute::xor_peer_address, peer(value));
        if ((detail & 2) != 0) message.u32(Attribute::channel_number, (0x3FFFu + value) << 16);
        if ((detail & 4) != 0) message.u32(Attribute::lifetime, value * 60);
        if ((detail & 8) != 0) message.attribute(Attribute::data, four);
        if ((detail & 16) != 0) message.attribute(Attribute::requested_address_family, four);
        if ((detail & 32) != 0) message.text(Attribute::mobility_ticket, tickets[4000 + static_cast<int>(value % 4)]);
        if ((detail & 64) != 0) message.attribute(Attribute::even_port, Bytes{four}.first(1));
        if ((detail & 128) != 0) message.attribute(Attribute::additional_address_family, four);
    }

    void request(unsigned what, unsigned who, unsigned detail, unsigned value) {
        std::array<std::byte, 1024> buffer;
        TransactionId id{};
        id[0] = static_cast<std::byte>(transactions++);
        const auto method = kMethods[what % kMethods.size()];
        const bool indication = method == Method::send;
        Builder message{buffer, indication ? Class::indication : Class::request, method, id};
        const auto from = tuple(who);
        if (method == Method::allocate) message.u32(Attribute::requested_transport, (value % 5 == 0 ? 6u : 17u) << 24);
        if (method == Method::connection_bind) message.u32(Attribute::connection_id, value);
        add(message, detail, value);
        const bool first = who % 3 != 0;
        if (!indication && value % 16 != 15) {
            message.text(Attribute::username, first ? "a" : "b").text(Attribute::realm, "r");
            message.text(Attribute::nonce, nonces.make(from.client, world.now.wall));
            message.integrity(long_term_key(PasswordAlgorithm::md5, first ? "a" : "b", "r", first ? "x" : "y"));
        }
        give(from, message.finish());
    }

    void step(Bytes& in) {
        const auto octet = [&](std::size_t i) { return std::to_integer<unsigned>(in[i]); };
        const auto what = octet(0) % 16;
        if (what < 12) {
            request(what, octet(1), octet(2), octet(3));
        } else if (what == 12) {
            world.now.steady += std::chrono::seconds{octet(1) * 16};
            world.now.wall += std::chrono::seconds{octet(1) * 16};
            server.tick(world.now.steady);
        } else if (what == 13) {
            server.end(tuple(octet(1)), world.now.steady);
        } else if (what == 14) {
            auto* allocation = server.find(tuple(octet(1)));
            if (allocation)
                (void)server.channel_for(*allocation, static_cast<std::uint16_t>(0x4000 + octet(2)), world.now.steady);
        } else {
            give(tuple(octet(1)), in.subspan(4, std::min<std::size_t>(octet(2), in.size() - 4)));
        }
        in = in.subspan(4);
        require(static_cast<std::size_t>(world.relays) == server.size());
        require(server.size() <= 2 * kQuota);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script script;
    Bytes in{reinterpret_cast<const std::byte*>(data), std::min<std::size_t>(size, 2048)};
    while (in.size() >= 4) script.step(in);
    script.world.now.steady += std::chrono::hours{2};
    script.server.tick(script.world.now.steady);
    require(script.world.relays == 0 && script.server.size() == 0 && script.users.size() == 0);
    return 0;
}
