/// The TURN state machine, with a client that speaks as RFC 8656 says and a host without sockets.
#include "stun/turn/server.h"

#include <gtest/gtest.h>

#include <map>

namespace carillon::stun::turn {
namespace {

using namespace std::chrono_literals;

TransportAddress at(std::string_view ip, std::uint16_t port) {
    auto address = Prefix::parse(ip)->base;
    address.port = port;
    return address;
}

struct FakeRelay final : Relay {
    explicit FakeRelay(int& count) : open{count} { ++open; }
    ~FakeRelay() override { --open; }
    int& open;
};

struct FakeHost final : Host {
    std::expected<Opened, Refusal> open(const RelayRequest& request) override {
        last = request;
        if (full) return std::unexpected{Refusal{508, "Insufficient Capacity"}};
        Opened out{.relay = std::make_unique<FakeRelay>(relays)};
        if (request.v4) out.v4 = at("8.8.4.4", next_port++);
        if (request.v6 && has_v6) out.v6 = at("2a00::4", next_port++);
        if (request.reserve_next) out.reservation.emplace();
        return out;
    }
    void installed(Allocation&) override {}
    void moved(Allocation&, const FiveTuple&) override { ++moves; }
    void ended(Allocation&) override {}
    void send(Allocation&, const TransportAddress& peer, Bytes data, bool df) override {
        sent.emplace_back(peer, std::string{as_text(data)});
        dont_fragment = df;
    }
    std::optional<Refusal> connect(Allocation&, const PendingConnect& pending) override {
        connecting = pending.peer;
        return std::nullopt;
    }
    bool bind_connection(const FiveTuple&, std::uint32_t, const Owner&) override { return false; }

    RelayRequest last;
    bool full = false, has_v6 = true, dont_fragment = false;
    int relays = 0, moves = 0;
    std::uint16_t next_port = 30000;
    std::vector<std::pair<TransportAddress, std::string>> sent;
    std::optional<TransportAddress> connecting;
};

struct Answered {
    unsigned code = 0;  // 0: success, 1: none
    std::vector<std::byte> bytes;
    Message message() const { return *Message::parse(bytes); }
    std::string text(Attribute type) const {
        const auto value = message().attribute(type);
        return value ? std::string{as_text(*value)} : std::string{};
    }
    std::uint32_t number(Attribute type) const { return load_u32(message().attribute(type)->data()); }
};

class Rfc8656 : public ::testing::Test {
  protected:
    using Fill = std::function<void(Builder&)>;
    static constexpr std::string_view kSecret = "a shared secret";

    /// One message, signed with what the server said last.
    Answered ask(Method method, const Fill& fill = {}, Class kind = Class::request) {
        std::array<std::byte, 1500> buffer;
        id[11] = static_cast<std::byte>(std::to_integer<unsigned>(id[11]) + (repeat ? 0 : 1));
        Builder message{buffer, kind, method, id};
        if (fill) fill(message);
        if (sign && kind == Class::request) {
            message.text(Attribute::username, user).text(Attribute::realm, "example.org").text(Attribute::nonce, nonce);
            if (sha256) {
                constexpr std::array<std::byte, 8> kOffered{std::byte{0}, std::byte{2}, std::byte{0}, std::byte{0},
                                                            std::byte{0}, std::byte{1}, std::byte{0}, std::byte{0}};
                message.attribute(Attribute::password_algorithm, Bytes{kOffered}.first(4))
                    .attribute(Attribute::password_algorithms, downgrade ? Bytes{kOffered}.last(4) : Bytes{kOffered});
                message.integrity_sha256(long_term_key(PasswordAlgorithm::sha256, user, "example.org", password));
            } else {
                message.integrity(long_term_key(PasswordAlgorithm::md5, user, "example.org", password));
            }
        }
        return give(message.finish());
    }
    Answered give(Bytes bytes) {
        std::array<std::byte, Server::kMaxAnswer> out;
        const auto reply = server.on_message(tuple, bytes, now, out);
        if (reply.empty()) return {.code = 1, .bytes = {}};
        Answered answered{.code = 0, .bytes = {reply.begin(), reply.end()}};
        if (const auto error = answered.message().attribute(Attribute::error_code))
            answered.code = std::to_integer<unsigned>((*error)[2]) * 100 + std::to_integer<unsigned>((*error)[3]);
        return answered;
    }
    static void udp(Builder& message) { message.u32(Attribute::requested_transport, 17u << 24); }
    void log_in(std::string_view name = "alice") {
        user = rest_user_name(now.wall + 1h, name);
        password = rest_password(kSecret, user);
        sign = false;
        nonce = ask(Method::allocate, udp).text(Attribute::nonce);
        sign = true;
    }
    Answered allocate(const Fill& more = {}) {
        return ask(Method::allocate, [&](Builder& message) {
            udp(message);
            if (more) more(message);
        });
    }
    Answered permit(const TransportAddress& peer) {
        return ask(Method::create_permission,
                   [&](Builder& message) { message.xor_address(Attribute::xor_peer_address, peer); });
    }
    Answered bind(std::uint16_t channel, const TransportAddress& peer) {
        return ask(Method::channel_bind, [&](Builder& message) {
            message.u32(Attribute::channel_number, std::uint32_t{channel} << 16)
                .xor_address(Attribute::xor_peer_address, peer);
        });
    }
    Answered refresh(std::uint32_t lifetime) {
        return ask(Method::refresh, [&](Builder& message) { message.u32(Attribute::lifetime, lifetime); });
    }
    void send(const TransportAddress& peer, std::string_view data) {
        ask(
            Method::send,
            [&](Builder& message) {
                message.xor_address(Attribute::xor_peer_address, peer).text(Attribute::data, data);
            },
            Class::indication);
    }
    void pass(std::chrono::seconds by) {
        now.steady += by;
        now.wall += by;
    }

    Server::Time now{SteadyTime{} + 1h, std::chrono::seconds{1'800'000'000}};
    FakeHost host;
    Credentials credentials{{.realm = "example.org", .secrets = {Secret{std::string{kSecret}}}, .users = {}}};
    Nonces nonces{"nonce key"};
    PeerPolicy policy{{.allowed = {},
                       .denied = {},
                       .own = {},
                       .relayed = {at("8.8.4.4", 0)},
                       .first_port = 30000,
                       .last_port = 30999}};
    Users users{3, 0};
    Server server{{}, credentials, nonces, policy, users, host};
    FiveTuple tuple{at("9.9.9.9", 4000), at("8.8.4.4", 3478), Transport::udp};
    TransactionId id{};
    std::string user, password, nonce;
    bool sign = false, sha256 = false, downgrade = false, repeat = false;
    const TransportAddress friendly = at("1.1.1.1", 7000);
};

TEST_F(Rfc8656, S5StrangersAreChallengedAndGetNothing) {
    const auto answer = allocate();
    EXPECT_EQ(answer.code, 401u);
    EXPECT_EQ(answer.text(Attribute::realm), "example.org");
    EXPECT_TRUE(answer.text(Attribute::nonce).starts_with("obMatJos2"));
    EXPECT_EQ(host.relays, 0);
    for (const auto method : {Method::refresh, Method::create_permission, Method::channel_bind, Method::connect})
        EXPECT_EQ(ask(method).code, 401u);
}

TEST_F(Rfc8656, S7AllocateGivesARelayedAddress) {
    log_in();
    const auto answer = allocate();
    ASSERT_EQ(answer.code, 0u);
    EXPECT_EQ(parse_xor_address(*answer.message().attribute(Attribute::xor_relayed_address), id), at("8.8.4.4", 30000));
    EXPECT_EQ(parse_xor_address(*answer.message().attribute(Attribute::xor_mapped_address), id), tuple.client);
    EXPECT_EQ(answer.number(Attribute::lifetime), 600u);
    EXPECT_TRUE(
        answer.message().integrity_matches(long_term_key(PasswordAlgorithm::md5, user, "example.org", password)));
    EXPECT_EQ(host.relays, 1);
}

TEST_F(Rfc8656, S7ASecondAllocateIsAMismatchAndARepeatedOneIsNot) {
    log_in();
    ASSERT_EQ(allocate().code, 0u);
    repeat = true;
    EXPECT_EQ(allocate().code, 0u);
    repeat = false;
    EXPECT_EQ(allocate().code, 437u);
    EXPECT_EQ(host.relays, 1);
}

TEST_F(Rfc8656, S7FaultyAllocatesGetTheirErrors) {
    log_in();
    EXPECT_EQ(ask(Method::allocate).code, 400u);
    EXPECT_EQ(ask(Method::allocate, [](Builder& m) { m.u32(Attribute::requested_transport, 99u << 24); }).code, 442u);
    EXPECT_EQ(ask(Method::allocate, [](Builder& m) { m.u32(Attribute::requested_transport, 6u << 24); }).code, 442u);
    EXPECT_EQ(allocate([](Builder& m) { m.u32(Attribute::requested_address_family, 9u << 24); }).code, 440u);
    EXPECT_EQ(allocate([](Builder& m) { m.u32(static_cast<Attribute>(0x7777), 1); }).code, 420u);
    const std::array<std::byte, 8> token{};
    EXPECT_EQ(
        allocate([&](Builder& m) {
            m.attribute(Attribute::reservation_token, token).attribute(Attribute::even_port, Bytes{token}.first(1));
        }).code,
        400u);
    host.full = true;
    EXPECT_EQ(allocate().code, 508u);
    EXPECT_EQ(host.relays, 0);
}

TEST_F(Rfc8656, S7EvenPortReservesTheNext) {
    log_in();
    const std::array<std::byte, 1> reserve{std::byte{0x80}};
    const auto answer = allocate([&](Builder& m) { m.attribute(Attribute::even_port, reserve); });
    EXPECT_EQ(answer.text(Attribute::reservation_token).size(), 8u);
    EXPECT_TRUE(host.last.even && host.last.reserve_next);
}

TEST_F(Rfc8656, S7BothFamiliesAndOneThatIsMissing) {
    log_in();
    const auto both = [](Builder& m) { m.u32(Attribute::additional_address_family, 2u << 24); };
    int addresses = 0;
    allocate(both).message().for_each(Attribute::xor_relayed_address, [&](Bytes) { ++addresses; });
    EXPECT_EQ(addresses, 2);
    tuple.client.port = 4001;
    host.has_v6 = false;
    EXPECT_TRUE(allocate(both).message().has(Attribute::address_error_code));
}

TEST_F(Rfc8656, S7QuotaIsTheUsersUnderWhateverTimeLimitedName) {
    for (int i = 0; i < 3; ++i) {
        ++tuple.client.port;
        pass(1s);
        log_in();
        EXPECT_EQ(allocate().code, 0u);
    }
    ++tuple.client.port;
    log_in();
    EXPECT_EQ(allocate().code, 486u);
    log_in("bob");
    EXPECT_EQ(allocate().code, 0u);
    --tuple.client.port;  // an end makes room
    log_in();
    user = server.find(tuple)->owner.user_name;
    password = rest_password(kSecret, user);
    EXPECT_EQ(refresh(0).code, 0u);
    EXPECT_EQ(host.relays, 3);
    log_in();
    EXPECT_EQ(allocate().code, 0u);
}

TEST_F(Rfc8656, S8LifetimesAreClampedAndEnd) {
    log_in();
    allocate();
    EXPECT_EQ(refresh(99'999).number(Attribute::lifetime), 3600u);
    EXPECT_EQ(refresh(1).number(Attribute::lifetime), 600u);
    pass(599s);
    server.tick(now.steady);
    EXPECT_EQ(host.relays, 1);
    pass(1s);
    server.tick(now.steady);
    EXPECT_EQ(host.relays, 0);
    EXPECT_EQ(refresh(600).code, 437u);
}

TEST_F(Rfc8656, S5OnlyTheOwnerTouchesAnAllocation) {
    log_in();
    allocate();
    log_in("mallory");
    EXPECT_EQ(refresh(0).code, 441u);
    EXPECT_EQ(permit(friendly).code, 441u);
    EXPECT_EQ(bind(0x4000, friendly).code, 441u);
    EXPECT_EQ(host.relays, 1);
}

TEST_F(Rfc8656, S10S11DataPassesWithAPermissionOnly) {
    log_in();
    allocate();
    send(friendly, "early");
    EXPECT_TRUE(host.sent.empty());
    EXPECT_EQ(permit(friendly).code, 0u);
    send(friendly, "hello");
    send(at("1.1.1.2", 7000), "elsewhere");
    ASSERT_EQ(host.sent.size(), 1u);
    EXPECT_EQ(host.sent[0].second, "hello");
    pass(300s);
    send(friendly, "late");
    EXPECT_EQ(host.sent.size(), 1u);
}

TEST_F(Rfc8656, S12ChannelsBindOnePeerToOneNumber) {
    log_in();
    allocate();
    EXPECT_EQ(bind(0x3FFF, friendly).code, 400u);
    EXPECT_EQ(bind(0x7FFF, friendly).code, 400u);
    EXPECT_EQ(bind(0x4000, friendly).code, 0u);
    EXPECT_EQ(bind(0x4000, friendly).code, 0u);
    EXPECT_EQ(bind(0x4001, friendly).code, 400u);
    EXPECT_EQ(bind(0x4000, at("1.1.1.1", 7001)).code, 400u);
    auto& allocation = *server.find(tuple);
    EXPECT_TRUE(server.channel_for(allocation, 0x4000, now.steady));
    EXPECT_FALSE(server.channel_for(allocation, 0x4001, now.steady));
    pass(300s);  // the permission ends before the channel does
    EXPECT_FALSE(server.channel_for(allocation, 0x4000, now.steady));
    EXPECT_EQ(permit(friendly).code, 0u);
    EXPECT_TRUE(server.channel_for(allocation, 0x4000, now.steady));
}

TEST_F(Rfc8656, S21PrivatePeersAreForbiddenEverywhere) {
    log_in();
    allocate([](Builder& m) { m.u32(Attribute::additional_address_family, 2u << 24); });
    for (const auto* ip : {"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "::1", "fc00::1",
                           "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:0a00:0001::1"}) {
        const auto target = at(ip, 80);
        EXPECT_EQ(permit(target).code, 403u) << ip;
        EXPECT_EQ(bind(0x4000, target).code, 403u) << ip;
        send(target, "in");
    }
    EXPECT_EQ(permit(at("8.8.4.4", 22)).code, 403u);   // a service of this host
    EXPECT_EQ(permit(at("8.8.4.4", 30001)).code, 0u);  // another allocation
    send(at("8.8.4.4", 22), "by that permission");
    EXPECT_TRUE(host.sent.empty());
    send(at("8.8.4.4", 30001), "to a neighbour");
    EXPECT_EQ(host.sent.size(), 1u);
}

TEST_F(Rfc8656, S10OneForbiddenPeerRefusesAll) {
    log_in();
    allocate();
    EXPECT_EQ(ask(Method::create_permission,
                  [&](Builder& m) {
                      m.xor_address(Attribute::xor_peer_address, friendly)
                          .xor_address(Attribute::xor_peer_address, at("10.0.0.1", 1));
                  })
                  .code,
              403u);
    send(friendly, "x");
    EXPECT_TRUE(host.sent.empty());
    EXPECT_EQ(permit(at("2a00::1", 1)).code, 443u);
}

TEST_F(Rfc8656, TablesAreBounded) {
    log_in();
    allocate();
    for (unsigned i = 0; i < Allocation::kMaxPermissions; ++i)
        ASSERT_EQ(permit(at("1.2.3." + std::to_string(i + 1), 9)).code, 0u);
    EXPECT_EQ(permit(at("1.2.4.1", 9)).code, 508u);
    pass(300s);
    EXPECT_EQ(permit(at("1.2.4.1", 9)).code, 0u);
}

TEST_F(Rfc8656, S5NoncesExpireAndBelongToAnAddress) {
    log_in();
    allocate();
    pass(Nonces::kLifetime + 1s);
    const auto stale = refresh(600);
    EXPECT_EQ(stale.code, 438u);
    nonce = stale.text(Attribute::nonce);
    EXPECT_EQ(refresh(600).code, 0u);  // although the user name has expired meanwhile: it made the allocation
    tuple.client = at("9.9.9.8", 4000);
    log_in();
    tuple.client = at("9.9.9.7", 4000);
    EXPECT_EQ(allocate().code, 438u);
    nonce[20] ^= 1;
    EXPECT_EQ(allocate().code, 438u);
}

TEST_F(Rfc8656, ExpiredAndForgedNamesAreUnauthorized) {
    log_in();
    pass(3601s);
    EXPECT_EQ(allocate().code, 401u);
    log_in();
    user = rest_user_name(now.wall + 1000h, "alice");  // the password is another name's
    EXPECT_EQ(allocate().code, 401u);
    user = "alice";
    EXPECT_EQ(allocate().code, 401u);
}

TEST_F(Rfc8656, RestPasswordsOfBothHashesCount) {
    log_in();
    password = rest_password(kSecret, user, RestHash::sha256);
    EXPECT_EQ(allocate().code, 0u);
}

TEST(DraftUbertiTurnRest, PasswordOfAName) {
    // printf 1433895918:foobar | openssl dgst -sha1 -hmac my-secret -binary | base64
    EXPECT_EQ(rest_password("my-secret", "1433895918:foobar").size(), 28u);
    EXPECT_EQ(rest_password("my-secret", "1433895918:foobar", RestHash::sha256).size(), 44u);
}

TEST_F(Rfc8656, Rfc8489S9Sha256AndBiddingDown) {
    log_in();
    sha256 = downgrade = true;
    EXPECT_EQ(allocate().code, 400u);
    downgrade = false;
    const auto answer = allocate();
    EXPECT_EQ(answer.code, 0u);
    EXPECT_TRUE(answer.message().integrity_sha256_matches(
        long_term_key(PasswordAlgorithm::sha256, user, "example.org", password)));
}

TEST_F(Rfc8656, Rfc8016TheAllocationMovesWithItsTicket) {
    log_in();
    const auto ticket =
        allocate([](Builder& m) { m.attribute(Attribute::mobility_ticket, {}); }).text(Attribute::mobility_ticket);
    ASSERT_EQ(ticket.size(), 16u);
    tuple.client.port = 4999;
    const auto move = [&](const std::string& with) {
        return ask(Method::refresh,
                   [&](Builder& m) { m.u32(Attribute::lifetime, 600).text(Attribute::mobility_ticket, with); });
    };
    EXPECT_EQ(move(std::string(16, 'x')).code, 437u);
    const auto answer = move(ticket);
    EXPECT_EQ(answer.code, 0u);
    EXPECT_NE(answer.text(Attribute::mobility_ticket), ticket);
    EXPECT_EQ(host.moves, 1);
    EXPECT_EQ(permit(friendly).code, 0u);
    tuple.client.port = 4000;
    EXPECT_EQ(move(ticket).code, 437u);  // a ticket is good once
}

TEST_F(Rfc8656, UnauthenticatedAnswersOutweighRequestsByAnAllowanceOnly) {
    std::size_t asked = 0;
    std::size_t answered = 0;
    for (int i = 0; i < 10'000; ++i) {
        ++tuple.client.port;  // ports do not help
        asked += 28;
        answered += allocate().bytes.size();
    }
    EXPECT_LT(answered, asked / 10);
    EXPECT_LE(answered, AnswerBudget::kBurst * 2);
    tuple.client = at("9.9.9.1", 1);  // others are not concerned
    EXPECT_EQ(allocate().code, 401u);
}

TEST_F(Rfc8656, MalformedMessagesGetNoAnswer) {
    log_in();
    std::array<std::byte, 1500> buffer;
    Builder message{buffer, Class::request, Method::allocate, id};
    udp(message);
    const auto good = message.fingerprint().finish();
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::vector<std::byte> broken{good.begin(), good.end()};
        broken[i] ^= std::byte{0x01};
        const auto answer = give(broken);
        EXPECT_TRUE(answer.code == 1u || answer.code == 401u);
        give(Bytes{broken}.first(i));
    }
    EXPECT_EQ(host.relays, 0);
}

}  // namespace
}  // namespace carillon::stun::turn
