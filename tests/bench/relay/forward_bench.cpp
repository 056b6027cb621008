/// What the relay's own code costs per datagram: reading RTP, verifying a check, deciding where a datagram goes.
/// Not here: what the kernel costs, which is nine tenths of it (`scripts/bench relay`).
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "media/rtp/packet.h"
#include "media/rtp/reception.h"
#include "relay/engine/stream.h"

namespace {

using namespace carillon;

constexpr std::string_view kCallerPassword = "caller-password-of-22+";
constexpr std::string_view kCalleePassword = "callee-password-of-22+";

std::vector<std::byte> rtp_packet(std::uint16_t sequence) {
    ByteWriter out;
    out.u8(0x80), out.u8(0), out.u16(sequence), out.u32(160u * sequence), out.u32(7);
    out.zeros(160);
    return out.release();
}

std::vector<std::byte> check(std::string_view username, std::string_view password) {
    std::vector<std::byte> room(256);
    stun::Builder builder{room, stun::Class::request, stun::Method::binding, stun::TransactionId{std::byte{1}}};
    const auto made = builder.text(stun::Attribute::username, username)
                          .u32(stun::Attribute::priority, 1)
                          .integrity(password)
                          .fingerprint()
                          .finish();
    return {made.begin(), made.end()};
}

relay::Address address(std::uint16_t port) { return *relay::Address::parse("127.0.0.1", port); }

/// A stream on two ports of its own. Nothing is sent: only the decision is measured.
class OneStream {
  public:
    explicit OneStream(const relay::api::StreamSetup& setup) : allocator_{range()}, stream_{"call", setup, take(), {}} {
        for (const auto& port : stream_.ports()) (port.leg == 0 ? a_ : b_) = port;
    }
    relay::Decision from_a(Bytes datagram) { return stream_.on_datagram(a_, datagram, address(6000), now_); }
    relay::Decision from_b(Bytes datagram) { return stream_.on_datagram(b_, datagram, address(7000), now_); }
    void wait(std::chrono::milliseconds time) { now_ += time; }

  private:
    static relay::PortOptions range() { return {.first = 29'000, .last = 29'999}; }
    relay::Stream::Ports take() {
        relay::Stream::Ports ports{allocator_.allocate(false), allocator_.allocate(false)};
        if (ports[0].empty() || ports[1].empty()) std::abort();  // no ports: nothing to measure
        return ports;
    }

    relay::PortAllocator allocator_;
    relay::Stream stream_;
    relay::Port a_, b_;
    SteadyTime now_{std::chrono::hours{1}};
};

relay::api::StreamSetup ice() {
    return {.stream = "audio",
            .mode = relay::api::Mode::ice,
            .a = {.ice = {{"caller", std::string{kCallerPassword}}}, .remotes = {}},
            .b = {.ice = {{"callee", std::string{kCalleePassword}}}, .remotes = {}}};
}

relay::api::StreamSetup plain() {
    return {.stream = "audio",
            .mode = relay::api::Mode::plain,
            .a = {.ice = {}, .remotes = {{1, "127.0.0.1", 6000}}},
            .b = {.ice = {}, .remotes = {{1, "127.0.0.1", 7000}}}};
}

/// Media that must be forwarded; says so when it is not, as dropping would be cheaper.
void forward_media(benchmark::State& state, OneStream& stream) {
    std::vector<std::vector<std::byte>> packets;
    for (std::uint32_t i = 0; i < 65'536; i += 1) packets.push_back(rtp_packet(static_cast<std::uint16_t>(i)));
    std::size_t next = 0;
    for (auto _ : state) {
        const auto decision = stream.from_a(packets[next]);
        next = (next + 1) % packets.size();
        stream.wait(std::chrono::milliseconds{20});
        if (decision.drop != relay::Drop::none) return state.SkipWithError("dropped");
        benchmark::DoNotOptimize(decision);
    }
    state.SetItemsProcessed(state.iterations());
}

void parse_rtp(benchmark::State& state) {
    const auto packet = rtp_packet(1);
    for (auto _ : state) benchmark::DoNotOptimize(rtp::Header::parse(packet));
}
BENCHMARK(parse_rtp);

void count_rtp(benchmark::State& state) {
    rtp::Reception reception;
    auto header = *rtp::Header::parse(rtp_packet(0));
    std::chrono::nanoseconds now{};
    for (auto _ : state) {
        ++header.sequence.value;
        header.timestamp += 160;
        now += std::chrono::milliseconds{20};
        benchmark::DoNotOptimize(reception.on_packet(header, now, 8000));
    }
}
BENCHMARK(count_rtp);

void verify_stun_check(benchmark::State& state) {
    const auto datagram = check("callee:caller", kCalleePassword);
    for (auto _ : state) {
        const auto message = stun::Message::parse(datagram);
        if (!message->integrity_matches(kCalleePassword) || message->fingerprint_matches() != true)
            return state.SkipWithError("not verified");
    }
}
BENCHMARK(verify_stun_check);

void refuse_forged_check(benchmark::State& state) {
    OneStream stream{ice()};
    const auto datagram = check("callee:caller", "a-guessed-password-22+");
    for (auto _ : state) {
        if (stream.from_a(datagram).drop != relay::Drop::bad_check) return state.SkipWithError("not refused");
    }
}
BENCHMARK(refuse_forged_check);

void forward_ice_check(benchmark::State& state) {
    OneStream stream{ice()};
    const auto datagram = check("callee:caller", kCalleePassword);
    stream.from_b(check("caller:callee", kCallerPassword));
    for (auto _ : state) {
        if (stream.from_a(datagram).drop != relay::Drop::none) return state.SkipWithError("dropped");
    }
}
BENCHMARK(forward_ice_check);

void forward_ice_media(benchmark::State& state) {
    OneStream stream{ice()};
    stream.from_a(check("callee:caller", kCalleePassword));
    stream.from_b(check("caller:callee", kCallerPassword));
    forward_media(state, stream);
}
BENCHMARK(forward_ice_media);

void forward_plain_media(benchmark::State& state) {
    OneStream stream{plain()};
    forward_media(state, stream);
}
BENCHMARK(forward_plain_media);

}  // namespace
