/// A script of datagrams at a shard's DTLS demultiplexer, by clients that shake hands honestly, by people in between
/// who change or repeat what those say, and by strangers who send what they like. Whatever comes: only what an honest
/// client has said under its keys gets through, nobody has more places than allowed, all are given back, and who has
/// proved nothing is never sent more octets than it has sent. Input: steps of four octets: what, by whom, and two of
/// detail; some take octets of what follows.
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "relay/turn/dtls_door.h"
#include "tests/fuzz/loopback.h"
#include "tests/fuzz/throwaway_certificate.h"

using namespace carillon;
using namespace carillon::relay;
using namespace carillon::fuzz;

namespace {

constexpr std::uint32_t kPerAddress = 3, kPlaces = 4;
constexpr std::size_t kHonest = 6, kClients = 8;  // the last ones are strangers, of an address of their own

/// Sockets and what OpenSSL needs, made once.
struct Network {
    Network() {
        const ThrowawayCertificate certificate;
        TurnOptions options;
        options.certificates_file = certificate.list();
        options.connections = kPlaces;
        options.connections_per_address = kPerAddress;
        shared = std::make_unique<TurnShared>(options, ports, std::vector<std::string>{});
        require(shared->load_certificates().has_value());
        for (std::size_t i = 0; i < kClients; ++i) {
            clients.push_back(bind_to(i < 4 ? "127.0.0.1" : i < kHonest ? "127.0.0.2" : "127.0.0.3"));
            fuzz::connect(clients.back(), server);
        }
    }
    UdpSocket server = bind_to("127.0.0.1");
    std::vector<UdpSocket> clients;
    PortAllocator ports{{.first = 20000, .last = 20001}};
    std::unique_ptr<TurnShared> shared;
    SSL_CTX* context = SSL_CTX_new(DTLS_client_method());
};

Network& network() {
    static Network made;
    return made;
}

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct Script final : ClientEvents {
    Script() {
        drain(network().server);
        for (const auto& client : network().clients) drain(client);
    }

    // ClientEvents
    void on_message(ClientLink& client, Bytes message, SteadyTime) override {
        const auto who = place_of(client.tuple());
        require(who < kHonest && told[who] && as_text(message) == "client " + std::to_string(who));
        client.tell(message);
    }
    void on_batch() override {}
    void on_gone(ClientLink&, SteadyTime) override {}
    bool has_allocation(const ClientLink& client) override { return client.tuple().client.port % 2 == 0; }

    static stun::turn::FiveTuple tuple(std::size_t who) {
        return {to_stun(name_of(network().clients[who])), to_stun(name_of(network().server)),
                stun::turn::Transport::dtls};
    }
    static std::size_t place_of(const stun::turn::FiveTuple& wanted) {
        for (std::size_t who = 0; who < kClients; ++who)
            if (tuple(who) == wanted) return who;
        return kClients;
    }

    void arrive(std::size_t who, Bytes datagram) {
        if (looks_like_dtls(datagram)) {
            const auto from = name_of(network().clients[who]);
            door.take(network().server.fd(), tuple(who), from, datagram, now);
        }
        door.flush();
        require(door.size() <= kPlaces && door.size() == network().shared->places_for_clients.size());
        if (who < kHonest) return;
        std::size_t answered = 0;
        for (auto answer = next_at(network().clients[who]); !answer.empty(); answer = next_at(network().clients[who]))
            answered += answer.size();
        require(answered <= datagram.size());
    }

    SSL& honest(std::size_t who) {
        auto& ssl = ends[who];
        if (ssl) return *ssl;
        ssl.reset(SSL_new(network().context));
        auto* bio = BIO_new_dgram(network().clients[who].fd(), BIO_NOCLOSE);
        auto there = name_of(network().server);
        BIO_ctrl_set_connected(bio, &there);
        SSL_set_bio(ssl.get(), bio, bio);
        SSL_set_connect_state(ssl.get());
        return *ssl;
    }

    /// One flight there and what it brings back.
    void speak(std::size_t who, unsigned change_at, unsigned change) {
        auto& ssl = honest(who);
        if (SSL_is_init_finished(&ssl)) {
            const auto text = "client " + std::to_string(who);
            told[who] = true;
            SSL_write(&ssl, text.data(), static_cast<int>(text.size()));
            std::array<char, 64> back;
            SSL_read(&ssl, back.data(), back.size());
        } else {
            SSL_do_handshake(&ssl);
        }
        for (auto datagram = next_at(network().server); !datagram.empty(); datagram = next_at(network().server)) {
            if (said.size() < 64) said.push_back(datagram);
            if (change != 0) datagram[change_at % datagram.size()] ^= static_cast<std::byte>(change);
            arrive(who, datagram);
        }
    }

    /// A DTLS record with octets of the input in it.
    static Packet record(unsigned type, unsigned epoch, Bytes content) {
        ByteWriter out;
        out.u8(static_cast<std::uint8_t>(type)), out.u16(0xFEFD), out.u16(static_cast<std::uint16_t>(epoch));
        out.zeros(6), out.u16(static_cast<std::uint16_t>(content.size())), out.bytes(content);
        return out.release();
    }

    void step(Bytes& in) {
        const auto octet = [&](std::size_t i) { return std::to_integer<unsigned>(in[i]); };
        const auto what = octet(0) % 9;
        const auto who = octet(1) % kClients;
        const auto one = octet(2), two = octet(3);
        in = in.subspan(4);
        const auto take = [&](std::size_t most) {
            const auto taken = in.first(std::min(most, in.size()));
            in = in.subspan(taken.size());
            return taken;
        };
        if (what <= 2 && who < kHonest) {
            speak(who, what == 2 ? one : 0, what == 2 ? two : 0);
        } else if (what == 3) {
            arrive(who, take(one * 4));
        } else if (what == 4) {
            arrive(who, record(20 + two % 8, two / 64, take(one)));
        } else if (what == 5 && !said.empty()) {
            arrive(who, said[one % said.size()]);
        } else if (what == 6) {
            now += std::chrono::seconds{one};
            door.tick(now);
        } else if (what == 7) {
            ends[who % kHonest].reset();
        } else if (what == 8 && who < kHonest && ends[who]) {
            SSL_shutdown(ends[who].get());
        }
    }

    SteadyTime now{std::chrono::hours{1}};
    DtlsDoor door{*network().shared, *this};
    std::array<std::unique_ptr<SSL, SslFree>, kHonest> ends;
    std::array<bool, kHonest> told{};
    std::vector<Packet> said;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    {
        Script script;
        Bytes in{reinterpret_cast<const std::byte*>(data), std::min<std::size_t>(size, 1024)};
        while (in.size() >= 4) script.step(in);
    }
    require(network().shared->places_for_clients.size() == 0);
    return 0;
}
