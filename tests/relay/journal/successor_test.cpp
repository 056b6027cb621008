/// A worker goes on where a killed one stood: its journal as it lay there when the first one died.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "relay/control/worker.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;
using Packet = std::vector<std::byte>;

class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "successor_test.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::filesystem::path operator/(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

Address loopback(std::uint16_t port) {
    auto address = *Address::parse("127.0.0.1", 1);
    address.port = port;
    return address;
}

class Endpoint {
  public:
    Endpoint() : socket_{*UdpSocket::bind(loopback(0))} {}
    std::uint16_t port() const {
        sockaddr_storage local{};
        socklen_t length = sizeof local;
        ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&local), &length);
        return Address::from(local).port;
    }
    void send(Bytes datagram, std::uint16_t port) const {
        sockaddr_storage raw{};
        const auto length = loopback(port).fill(raw);
        ::sendto(socket_.fd(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&raw), length);
    }
    Packet receive(std::chrono::milliseconds patience = 2000ms) const {
        pollfd wait{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
        Packet data(2048);
        if (::poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return {};
        data.resize(static_cast<std::size_t>(std::max<ssize_t>(::recv(socket_.fd(), data.data(), data.size(), 0), 0)));
        return data;
    }

    /// The next that is no DTLS: a flight may have been said twice.
    Packet receive_other() const {
        auto packet = receive();
        while (!packet.empty() && std::to_integer<unsigned>(packet[0]) - 20 < 44) packet = receive();
        return packet;
    }

  private:
    UdpSocket socket_;
};

Packet rtp(std::uint16_t sequence) {
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(sequence), out.u32(160u * sequence), out.u32(7);
    out.zeros(160);
    return out.release();
}

Packet check(std::string_view username, std::string_view password) {
    Packet room(256);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{1}}};
    const auto made = builder.text(stun::Attribute::username, username).integrity(password).fingerprint().finish();
    return {made.begin(), made.end()};
}

Packet key(std::uint8_t seed) { return Packet(30, std::byte{seed}); }
Packet sealed(srtp::Session& by, Packet packet) {
    const auto length = packet.size();
    packet.resize(length + srtp::kMaxOverhead);
    packet.resize(by.protect_rtp(packet, length).value_or(0));
    return packet;
}
Packet opened(srtp::Session& by, Packet packet) {
    packet.resize(by.unprotect_rtp(packet).value_or(0));
    return packet;
}

constexpr std::string_view kPassword = "a-password-of-22-or-more";

/// A worker, killed by taking its journal away before it ends in order.
class Successor : public testing::Test {
  protected:
    void SetUp() override { begin(); }
    void begin() {
        WorkerOptions options;
        options.ports.first = static_cast<std::uint16_t>(29'000 + ::getpid() % 40 * 20);
        options.ports.last = static_cast<std::uint16_t>(options.ports.first + 19);
        options.journal = folder_ / "worker.journal";
        options.ice_port = ice_port_;
        options.shards = shards_;
        worker_ = std::make_unique<Worker>(io_, options);
    }
    void kill_and_begin_again() {
        std::filesystem::copy_file(folder_ / "worker.journal", folder_ / "kept");
        worker_.reset();
        std::filesystem::rename(folder_ / "kept", folder_ / "worker.journal");
        begin();
    }
    api::proto::Reply ask(api::proto::Request request) {
        std::optional<api::proto::Reply> reply;
        worker_->handle(request, [&](api::proto::Reply answer) { reply = std::move(answer); });
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (!reply && std::chrono::steady_clock::now() < end) {
            io_.restart();
            io_.run_for(1ms);
        }
        return reply.value_or(api::proto::Reply{});
    }
    /// The first ports of A and B.
    std::pair<std::uint16_t, std::uint16_t> open(const api::StreamSetup& setup) {
        api::proto::Request request;
        request.mutable_open_stream()->set_session("call");
        api::to_proto(setup, *request.mutable_open_stream()->mutable_setup());
        const auto reply = ask(request);
        EXPECT_EQ(reply.refusal(), api::proto::REFUSAL_NONE) << reply.reason();
        if (reply.ports().a().empty()) return {};
        fingerprint_ = reply.ports().fingerprint();
        return {static_cast<std::uint16_t>(reply.ports().a(0).port()),
                static_cast<std::uint16_t>(reply.ports().b(0).port())};
    }
    api::StreamCounters count() {
        api::proto::Request request;
        request.mutable_count();
        const auto reply = ask(request);
        return reply.counters().empty() ? api::StreamCounters{} : api::from_proto(reply.counters(0));
    }
    bool passes(const Endpoint& from, std::uint16_t port, const Endpoint& to, const Packet& packet) {
        from.send(packet, port);
        return to.receive() == packet;
    }

    Folder folder_;
    boost::asio::io_context io_;
    std::unique_ptr<Worker> worker_;
    std::string fingerprint_;
    std::uint16_t ice_port_ = 0;
    std::size_t shards_ = 1;
    Endpoint caller_, callee_, stranger_;
};

TEST_F(Successor, IceLegsGoOnWithoutANewCheck) {
    api::StreamSetup setup{.stream = "audio",
                           .mode = api::Mode::ice,
                           .a = {.ice = {{"caller", std::string{kPassword}}}, .remotes = {}},
                           .b = {.ice = {{"callee", std::string{kPassword}}}, .remotes = {}}};
    const auto [a, b] = open(setup);
    caller_.send(check("callee:caller", kPassword), a);
    callee_.send(check("caller:callee", kPassword), b);
    EXPECT_FALSE(caller_.receive().empty());
    EXPECT_FALSE(callee_.receive().empty());
    ASSERT_TRUE(passes(caller_, a, callee_, rtp(1)));
    const auto before = count();
    kill_and_begin_again();
    EXPECT_TRUE(passes(caller_, a, callee_, rtp(2)));
    EXPECT_TRUE(passes(callee_, b, caller_, rtp(3)));
    stranger_.send(rtp(4), a);
    EXPECT_TRUE(callee_.receive(150ms).empty()) << "nothing new is believed";
    const auto after = count();
    EXPECT_EQ(after.session, "call");
    EXPECT_EQ(after.ports.a, before.ports.a) << "what the ends were told";
    EXPECT_GE(after.age_ms, before.age_ms);
    // New credentials still come through signaling, and the call may end.
    EXPECT_EQ(open(setup), (std::pair{a, b})) << "a repeated request finds it";
    kill_and_begin_again();
    EXPECT_TRUE(passes(caller_, a, callee_, rtp(5))) << "and once more";
    api::proto::Request close;
    close.mutable_close_stream()->set_session("call");
    EXPECT_EQ(ask(close).counters_size(), 1);
    kill_and_begin_again();
    EXPECT_EQ(worker_->sessions(), 0u) << "what was closed does not come back";
}

TEST_F(Successor, PlainLegsKeepWhatTheyLearned) {
    api::StreamSetup setup{.stream = "audio",
                           .mode = api::Mode::plain,
                           .a = {.ice = {}, .remotes = {{1, "127.0.0.1", 9}}},
                           .b = {.ice = {}, .remotes = {{1, "127.0.0.1", callee_.port()}}}};
    const auto [a, b] = open(setup);
    for (std::uint16_t i = 0; i < 5; ++i) caller_.send(rtp(i), a);  // behind a NAT: learned from a run
    EXPECT_FALSE(callee_.receive().empty());
    while (!callee_.receive(50ms).empty()) {
    }
    kill_and_begin_again();
    EXPECT_TRUE(passes(callee_, b, caller_, rtp(6))) << "before the caller has said anything again";
    EXPECT_TRUE(passes(caller_, a, callee_, rtp(7)));
    for (std::uint16_t i = 10; i < 20; ++i) stranger_.send(rtp(i), a);
    EXPECT_TRUE(callee_.receive(150ms).empty()) << "learned once, then strict";
}

TEST_F(Successor, SdesLegsGoOnAcrossARollOver) {
    api::LegSetup secured;
    secured.remotes = {{1, "127.0.0.1", caller_.port()}};
    secured.security = {.protection = api::Protection::sdes,
                        .suite = "AES_CM_128_HMAC_SHA1_80",
                        .local = {{key(1), {}}},
                        .remote = {{key(2), {}}},
                        .fingerprint_hash = {},
                        .fingerprint = {}};
    api::LegSetup plain;
    plain.remotes = {{1, "127.0.0.1", callee_.port()}};
    const auto [a, b] = open({.stream = "audio", .mode = api::Mode::bridge, .a = secured, .b = plain});
    auto out = *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(2), srtp::Direction::outbound);
    auto in = *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(1), srtp::Direction::inbound);
    Packet last;
    for (const std::uint16_t i : {65533, 65534, 65535, 0, 1}) {
        last = sealed(out, rtp(i));
        caller_.send(last, a);
        EXPECT_EQ(callee_.receive(), rtp(i));
        callee_.send(rtp(i), b);
        EXPECT_EQ(opened(in, caller_.receive()), rtp(i));
    }
    kill_and_begin_again();
    caller_.send(last, a);
    EXPECT_TRUE(callee_.receive(150ms).empty()) << "a replay of what the first worker opened";
    callee_.send(rtp(1), b);
    EXPECT_TRUE(caller_.receive(150ms).empty()) << "sealed once more, a keystream would be used twice";
    caller_.send(sealed(out, rtp(2)), a);
    EXPECT_EQ(callee_.receive(), rtp(2)) << "under the second roll-over counter";
    callee_.send(rtp(2), b);
    EXPECT_EQ(opened(in, caller_.receive()), rtp(2));
    EXPECT_EQ(count().a.drops.at("replayed"), 1u);
}

TEST_F(Successor, DtlsLegsGoOnWithTheKeysTheyAgreedOn) {
    const dtls::Identity identity;
    api::LegSetup secured;
    secured.use_ice = true;
    secured.own_ice = {"relay", std::string{kPassword}};
    secured.ice = {{"phone", std::string{kPassword}}};
    secured.rtcp_mux = true;
    secured.security.protection = api::Protection::dtls;
    secured.security.fingerprint_hash = identity.fingerprint().hash;
    secured.security.fingerprint = identity.fingerprint().value;
    api::LegSetup plain;
    plain.remotes = {{1, "127.0.0.1", callee_.port()}};
    const auto [a, b] = open({.stream = "audio", .mode = api::Mode::bridge, .a = secured, .b = plain});
    const auto fingerprint = fingerprint_;
    caller_.send(check("relay:phone", kPassword), a);
    EXPECT_TRUE(stun::looks_like_stun(caller_.receive()));
    dtls::DtlsSrtp phone{identity, dtls::Role::client, {"sha-256", fingerprint}, [&, port = a](Bytes said) {
                             caller_.send(said, port);
                         }};
    phone.start();
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (phone.state() == dtls::DtlsSrtp::State::handshaking && std::chrono::steady_clock::now() < end) {
        if (const auto heard = caller_.receive(20ms); !heard.empty()) phone.receive(heard);
        phone.on_timer();
    }
    ASSERT_TRUE(phone.keys()) << phone.failure();
    const auto& keys = *phone.keys();
    auto out = *srtp::Session::create(keys.profile, keys.local, srtp::Direction::outbound);
    auto in = *srtp::Session::create(keys.profile, keys.remote, srtp::Direction::inbound);
    caller_.send(sealed(out, rtp(1)), a);
    EXPECT_EQ(callee_.receive(), rtp(1));
    kill_and_begin_again();
    caller_.send(sealed(out, rtp(2)), a);
    EXPECT_EQ(callee_.receive(), rtp(2)) << "neither a check nor a handshake was needed";
    callee_.send(rtp(9), b);
    EXPECT_EQ(opened(in, caller_.receive_other()), rtp(9));
    caller_.send(check("relay:phone", kPassword), a);
    EXPECT_TRUE(stun::looks_like_stun(caller_.receive_other())) << "consent goes on";
    EXPECT_EQ(count().ports.fingerprint, fingerprint) << "the certificate that was signalled";
}

TEST_F(Successor, LegsOnTheIcePortGoOnWithoutANewCheck) {
    worker_.reset();
    ice_port_ = static_cast<std::uint16_t>(28'000 + ::getpid() % 400 * 2);
    shards_ = 2;
    begin();
    const auto leg = [](const std::string& name) {
        api::LegSetup out;
        out.use_ice = out.rtcp_mux = true;
        out.own_ice = {name + "-relay", std::string{kPassword}};
        out.ice = {{name, std::string{kPassword}}};
        return out;
    };
    // Several streams, so that both shards have some; the last of them is looked at.
    std::pair<std::uint16_t, std::uint16_t> ports;
    for (const std::string each : {"1", "2", "3"}) {
        api::proto::Request request;
        request.mutable_open_stream()->set_session("call" + each);
        api::to_proto(
            {.stream = "audio", .mode = api::Mode::bridge, .a = leg("caller" + each), .b = leg("callee" + each)},
            *request.mutable_open_stream()->mutable_setup());
        const auto reply = ask(request);
        ASSERT_EQ(reply.refusal(), api::proto::REFUSAL_NONE) << reply.reason();
        ports = {static_cast<std::uint16_t>(reply.ports().a(0).port()),
                 static_cast<std::uint16_t>(reply.ports().b(0).port())};
        EXPECT_EQ(ports.first, ports.second);
        EXPECT_EQ(ports.first / 2, ice_port_ / 2) << "one of the two shards' ports";
    }
    caller_.send(check("caller3-relay:caller3", kPassword), ports.first);
    callee_.send(check("callee3-relay:callee3", kPassword), ports.second);
    EXPECT_TRUE(stun::looks_like_stun(caller_.receive()));
    EXPECT_TRUE(stun::looks_like_stun(callee_.receive()));
    ASSERT_TRUE(passes(caller_, ports.first, callee_, rtp(1)));
    kill_and_begin_again();
    EXPECT_EQ(worker_->sessions(), 3u);
    count();  // the shards have them
    EXPECT_TRUE(passes(caller_, ports.first, callee_, rtp(2))) << "told by its address, as before";
    EXPECT_TRUE(passes(callee_, ports.second, caller_, rtp(3)));
    caller_.send(check("caller3-relay:caller3", kPassword), ports.first);
    EXPECT_TRUE(stun::looks_like_stun(caller_.receive())) << "and called by its name";
    stranger_.send(rtp(4), ports.first);
    EXPECT_TRUE(callee_.receive(150ms).empty());
    // A worker that has no such port any more cannot go on with what was there, and says so.
    ice_port_ = 0;
    kill_and_begin_again();
    EXPECT_EQ(worker_->sessions(), 0u);
}

TEST_F(Successor, AStreamThatCameToBeTranscodedGoesOnUnderItsNumbers) {
    const auto leg = [](std::uint16_t port, std::uint8_t local, std::uint8_t remote) {
        api::LegSetup out;
        out.remotes = {{1, "127.0.0.1", port}};
        out.security = {.protection = api::Protection::sdes,
                        .suite = "AES_CM_128_HMAC_SHA1_80",
                        .local = {{key(local), {}}},
                        .remote = {{key(remote), {}}},
                        .fingerprint_hash = {},
                        .fingerprint = {}};
        return out;
    };
    const auto session = [](std::uint8_t seed, srtp::Direction direction) {
        return *srtp::Session::create(srtp::Profile::aes128_cm_sha1_80, key(seed), direction);
    };
    const auto a = open({.stream = "audio",
                         .mode = api::Mode::bridge,
                         .a = leg(caller_.port(), 1, 2),
                         .b = leg(callee_.port(), 3, 4)})
                       .first;
    api::proto::Request request;
    request.mutable_set_program()->set_session("call");
    request.mutable_set_program()->set_stream("audio");
    api::Program program{.kind = api::Program::Kind::transcode};
    program.a = {.codec = "PCMU", .payload_type = 0};
    program.b = {.codec = "PCMA", .payload_type = 8};
    api::to_proto(program, *request.mutable_set_program()->mutable_program());
    ASSERT_EQ(ask(request).refusal(), api::proto::REFUSAL_NONE);

    auto from_caller = session(2, srtp::Direction::outbound);
    auto to_callee = session(3, srtp::Direction::inbound);
    std::optional<rtp::Header> last;
    std::size_t heard = 0;
    const auto hear = [&](std::chrono::milliseconds patience) {
        auto packet = callee_.receive(patience);
        if (packet.empty()) return false;
        const auto header = rtp::Header::parse(opened(to_callee, std::move(packet)));
        if (header && header->payload_type == 8) last = *header, ++heard;
        return true;
    };
    std::uint16_t said = 1;
    const auto talk = [&](std::size_t packets) {
        for (const auto enough = heard + packets; heard < enough && said < 1000;) {
            caller_.send(sealed(from_caller, rtp(said++)), a);
            hear(20ms);
        }
    };
    talk(40);  // long enough for it to be put down where the stream stands
    ASSERT_TRUE(last);
    kill_and_begin_again();
    EXPECT_EQ(worker_->sessions(), 1u);
    while (hear(20ms)) {
    }
    const auto before = *last;
    talk(1);
    EXPECT_EQ(last->ssrc, before.ssrc);
    EXPECT_LT(static_cast<std::uint16_t>(last->sequence.value - before.sequence.value - 1), 100)
        << "further, by little";
    const auto ticks = last->timestamp - before.timestamp;
    EXPECT_TRUE(ticks > 0 && ticks < 8 * 8000u) << ticks;
    talk(10);
}

TEST_F(Successor, ExpiryAndDrainAreKept) {
    open({.stream = "channel", .mode = api::Mode::open, .a = {}, .b = {}, .expire = 3600s});
    api::proto::Request drain;
    drain.mutable_drain()->set_on(true);
    ask(drain);
    kill_and_begin_again();
    EXPECT_TRUE(worker_->draining());
    EXPECT_EQ(worker_->sessions(), 1u);
    const auto left = journal::read(
        [&] {
            Packet octets(std::filesystem::file_size(folder_ / "worker.journal"));
            auto* file = std::fopen((folder_ / "worker.journal").c_str(), "rb");
            EXPECT_EQ(std::fread(octets.data(), 1, octets.size(), file), octets.size());
            std::fclose(file);
            return octets;
        }(),
        journal::boot_id());
    ASSERT_EQ(left->streams.size(), 1u);
    const auto now = std::chrono::steady_clock::now();
    EXPECT_GT(left->streams[0].expires, now + 3500s);
    EXPECT_LE(left->streams[0].expires, now + 3600s);
}

TEST_F(Successor, APortSomebodyElseHasTakenCostsThatStreamOnly) {
    const auto first = open({.stream = "one", .mode = api::Mode::open, .a = {}, .b = {}});
    const auto second = open({.stream = "two", .mode = api::Mode::open, .a = {}, .b = {}});
    std::filesystem::copy_file(folder_ / "worker.journal", folder_ / "kept");
    worker_.reset();
    std::filesystem::rename(folder_ / "kept", folder_ / "worker.journal");
    const auto squatter = UdpSocket::bind(loopback(first.first));
    ASSERT_TRUE(squatter);
    begin();
    EXPECT_EQ(worker_->sessions(), 1u);
    EXPECT_EQ(count().stream, "two");
    EXPECT_EQ(count().ports.a.front().port, second.first);
}

}  // namespace
}  // namespace carillon::relay
