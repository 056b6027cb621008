#include "media/dtls/dtls_srtp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <memory>
#include <thread>

namespace carillon::dtls {
namespace {

using State = DtlsSrtp::State;

/// Two ends with a wire between them that a test can cut.
struct Wire {
    Identity client_identity, server_identity;
    std::deque<std::vector<std::byte>> to_server, to_client;
    int lose = 0;  // the next so many datagrams vanish
    std::size_t largest = 0;

    DtlsSrtp client{client_identity, Role::client, server_identity.fingerprint(),
                    [this](Bytes b) { carry(to_server, b); }};
    DtlsSrtp server{server_identity, Role::server, client_identity.fingerprint(),
                    [this](Bytes b) { carry(to_client, b); }};

    void carry(std::deque<std::vector<std::byte>>& queue, Bytes datagram) {
        largest = std::max(largest, datagram.size());
        if (lose > 0) {
            --lose;
            return;
        }
        queue.emplace_back(datagram.begin(), datagram.end());
    }
    void run() {
        while (!to_server.empty() || !to_client.empty()) {
            step(to_server, server);
            step(to_client, client);
        }
    }
    static void step(std::deque<std::vector<std::byte>>& queue, DtlsSrtp& end) {
        if (queue.empty()) return;
        const auto datagram = std::move(queue.front());
        queue.pop_front();
        end.receive(datagram);
    }
};

TEST(Rfc5764, BothEndsExportTheSameKeysCrosswise) {
    Wire wire;
    wire.server.start();
    wire.client.start();
    wire.run();
    ASSERT_EQ(wire.client.state(), State::established) << wire.client.failure();
    ASSERT_EQ(wire.server.state(), State::established) << wire.server.failure();
    const auto& a = *wire.client.keys();
    const auto& b = *wire.server.keys();
    EXPECT_EQ(a.profile, b.profile);
    EXPECT_EQ(a.local, b.remote);
    EXPECT_EQ(a.remote, b.local);
    EXPECT_NE(a.local, a.remote);
    EXPECT_LE(wire.largest, 1200U);
}

/// One handshake message in one record, cut into records of `size` octets of it each.
std::vector<std::vector<std::byte>> pieces_of(Bytes datagram, std::size_t size) {
    constexpr std::size_t kRecord = 13, kMessage = 12;
    const auto header = datagram.subspan(kRecord, kMessage);
    const auto body = datagram.subspan(kRecord + kMessage);
    std::vector<std::vector<std::byte>> out;
    for (std::size_t at = 0; at < body.size(); at += size) {
        const auto piece = body.subspan(at, std::min(size, body.size() - at));
        ByteWriter record;
        record.bytes(datagram.first(5)), record.zeros(4), record.u16(static_cast<std::uint16_t>(out.size()));
        record.u16(static_cast<std::uint16_t>(kMessage + piece.size()));
        record.bytes(header.first(6)), record.u24(static_cast<std::uint32_t>(at));
        record.u24(static_cast<std::uint32_t>(piece.size())), record.bytes(piece);
        out.push_back(record.release());
    }
    return out;
}

/// As if `more` records of epoch 0 had gone before.
void renumber(std::vector<std::byte>& datagram, std::size_t more) {
    constexpr std::size_t kRecord = 13;
    for (std::size_t at = 0; at + kRecord <= datagram.size(); at += kRecord + load_u16(&datagram[at + kRecord - 2]))
        if (load_u16(&datagram[at + 3]) == 0)
            store_u16(&datagram[at + 9], static_cast<std::uint16_t>(load_u16(&datagram[at + 9]) + more));
}

TEST(Rfc6347S4p2p3, AClientHelloInPiecesIsPutTogether) {
    Wire wire;
    wire.server.start();
    wire.client.start();
    ASSERT_EQ(wire.to_server.size(), 1U);
    const auto whole = wire.to_server.front();
    wire.to_server.clear();
    auto pieces = pieces_of(whole, 60);
    ASSERT_GT(pieces.size(), 2U);
    wire.server.receive(pieces[0]);
    EXPECT_TRUE(wire.to_client.empty()) << "half a hello is answered";
    for (const auto& piece : pieces) wire.server.receive(piece);  // the first one for the second time
    while (!wire.to_server.empty() || !wire.to_client.empty()) {
        Wire::step(wire.to_client, wire.client);
        if (!wire.to_server.empty()) renumber(wire.to_server.front(), pieces.size() - 1);
        Wire::step(wire.to_server, wire.server);
    }
    EXPECT_EQ(wire.client.state(), State::established) << wire.client.failure();
    EXPECT_EQ(wire.server.state(), State::established) << wire.server.failure();
}

TEST(Rfc8122S5, AnotherCertificateThanSignalledFails) {
    Wire wire;
    Identity stranger;
    DtlsSrtp server{stranger, Role::server, wire.client_identity.fingerprint(),
                    [&](Bytes b) { wire.carry(wire.to_client, b); }};
    server.start();
    wire.client.start();
    for (int i = 0; i < 20; ++i) {
        Wire::step(wire.to_server, server);
        Wire::step(wire.to_client, wire.client);
    }
    EXPECT_EQ(wire.client.state(), State::failed);
    EXPECT_NE(wire.client.failure().find("fingerprint"), std::string::npos);
    EXPECT_FALSE(wire.client.keys());
}

TEST(Rfc8122S5, WeakHashesProveNothing) {
    Wire wire;
    DtlsSrtp client{wire.client_identity, Role::client, Fingerprint{"md5", "00"},
                    [&](Bytes b) { wire.carry(wire.to_server, b); }};
    wire.server.start();
    client.start();
    for (int i = 0; i < 20; ++i) {
        Wire::step(wire.to_server, wire.server);
        Wire::step(wire.to_client, client);
    }
    EXPECT_EQ(client.state(), State::failed);
}

TEST(Rfc6347S4p2p4, ALostFlightIsSentAgain) {
    Wire wire;
    wire.lose = 1;  // the ClientHello
    wire.server.start();
    wire.client.start();
    wire.run();
    EXPECT_EQ(wire.client.state(), State::handshaking);
    // OpenSSL keeps real time for this: a quarter of a second for the first resend.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (wire.client.state() != State::established && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        wire.client.on_timer();
        wire.run();
    }
    EXPECT_EQ(wire.client.state(), State::established);
}

TEST(DtlsSrtp, GarbageDoesNotDisturbTheHandshake) {
    Wire wire;
    const std::vector<std::byte> garbage(100, std::byte{22});
    wire.server.start();
    wire.client.start();
    wire.server.receive(garbage);
    wire.client.receive(garbage);
    wire.server.receive({});
    wire.run();
    EXPECT_EQ(wire.client.state(), State::established);
    EXPECT_EQ(wire.server.state(), State::established);
}

TEST(Rfc7714S14p2, GcmIsPreferred) {
    Wire wire;
    wire.server.start();
    wire.client.start();
    wire.run();
    ASSERT_TRUE(wire.server.keys());
    EXPECT_EQ(wire.server.keys()->profile, srtp::Profile::aead_aes_128_gcm);
}

/// A record in the clear: what somebody can send who knows the address and no key.
std::vector<std::byte> clear_record(std::uint8_t type, std::initializer_list<std::uint8_t> body) {
    ByteWriter out;
    out.u8(type), out.u16(0xFEFD), out.u16(0), out.u16(0), out.u32(9);
    out.u16(static_cast<std::uint16_t>(body.size()));
    for (const auto octet : body) out.u8(octet);
    return out.release();
}

TEST(Rfc6347S4p1p2p7, AlertsThatNobodySealedEndNothing) {
    Wire wire;
    wire.server.start();
    wire.client.start();
    wire.run();
    const auto close_notify = clear_record(21, {1, 0});
    const auto fatal = clear_record(21, {2, 40});
    const auto hello_again = clear_record(22, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    for (const auto& record : {close_notify, fatal, hello_again}) {
        wire.server.receive(record);
        wire.client.receive(record);
    }
    wire.run();
    EXPECT_EQ(wire.server.state(), State::established);
    EXPECT_EQ(wire.client.state(), State::established);
    EXPECT_EQ(wire.client.keys()->local, wire.server.keys()->remote);
}

TEST(DtlsIdentity, ServesManyAndMayGoBeforeThem) {
    auto shared = std::make_unique<Identity>();
    Wire wire;
    DtlsSrtp one{*shared, Role::client, wire.server_identity.fingerprint(),
                 [&](Bytes b) { wire.carry(wire.to_server, b); }};
    DtlsSrtp two{*shared, Role::server, wire.client_identity.fingerprint(), [](Bytes) {}};
    DtlsSrtp server{wire.server_identity, Role::server, shared->fingerprint(),
                    [&](Bytes b) { wire.carry(wire.to_client, b); }};
    shared.reset();
    one.start();
    for (int i = 0; i < 20; ++i) {
        Wire::step(wire.to_server, server);
        Wire::step(wire.to_client, one);
    }
    EXPECT_EQ(one.state(), State::established) << one.failure();
    EXPECT_EQ(server.state(), State::established) << server.failure();
    EXPECT_EQ(two.state(), State::idle);
}

TEST(DtlsSrtp, CloseIsHeard) {
    Wire wire;
    wire.server.start();
    wire.client.start();
    wire.run();
    wire.client.close();
    wire.run();
    EXPECT_EQ(wire.server.state(), State::closed);
}

TEST(DtlsIdentity, EveryCallHasItsOwn) {
    EXPECT_NE(Identity{}.fingerprint().value, Identity{}.fingerprint().value);
    EXPECT_EQ(Identity{}.fingerprint().value.size(), 32U * 3 - 1);
}

}  // namespace
}  // namespace carillon::dtls
