/// Calls between an end that speaks PCMU and one that speaks Opus, in real time through somebody who transcodes: the
/// relay (its control socket), or whoever gave the ports that standard input names. Tells how many packets came back
/// and how long a sound was under way.
/// Usage: carillon_transcode_load --calls N --seconds S [--socket RELAY [--opus-rate HZ]]; without it: a line "PCMU" or
/// "opus" and the ends' own ports are printed, then for each call a line "PORT_A PORT_B" is read.
#include <netinet/in.h>
#include <opus/opus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "codecs/g711/g711.h"
#include "media/rtp/packet.h"
#include "relay/api/client.h"

namespace carillon::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace api = relay::api;

constexpr std::uint8_t kPcmu = 0, kOpus = 96;
constexpr unsigned kBurstEach = 50;  // frames: a second
constexpr int kLoud = 3000;          // of a burst, after any codec

sockaddr_in loopback(std::uint16_t port) {
    return {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
}

struct FreeDecoder {
    void operator()(OpusDecoder* state) const { opus_decoder_destroy(state); }
};
struct FreeEncoder {
    void operator()(OpusEncoder* state) const { opus_encoder_destroy(state); }
};

/// One end of a call.
class End {
  public:
    explicit End(bool opus) : opus_{opus}, fd_{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)} {
        const auto any = loopback(0);
        if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
            throw std::runtime_error{"no socket"};
        if (opus_) decoder_.reset(opus_decoder_create(48'000, 1, nullptr));
    }
    ~End() { ::close(fd_); }
    End(const End&) = delete;

    std::uint16_t port() const {
        sockaddr_in own{};
        socklen_t size = sizeof own;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size);
        return ntohs(own.sin_port);
    }
    void connect_to(std::uint16_t port) const {
        const auto to = loopback(port);
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error{"no way"};
    }
    void send(Bytes payload, Clock::time_point now, bool burst) {
        ByteWriter out;
        out.u8(0x80), out.u8(opus_ ? kOpus : kPcmu), out.u16(sequence_++), out.u32(timestamp_), out.u32(opus_ ? 2 : 1);
        out.bytes(payload);
        timestamp_ += opus_ ? 960 : 160;
        (void)::send(fd_, out.view().data(), out.size(), 0);
        if (burst) burst_sent_ = now;
    }
    /// Everything that has come; `other` is who sent it.
    void receive(End& other, Clock::time_point now, std::vector<double>& delays) {
        std::array<std::byte, 2048> room;
        for (;;) {
            const auto size = ::recv(fd_, room.data(), room.size(), 0);
            if (size <= 0) return;
            const Bytes datagram{room.data(), static_cast<std::size_t>(size)};
            const auto header = rtp::Header::parse(datagram);
            if (!header || rtp::is_rtcp(datagram) || header->payload_type != (opus_ ? kOpus : kPcmu)) continue;
            ++received;
            listen(datagram.subspan(header->size), other, now, delays);
        }
    }
    std::uint64_t received = 0;

  private:
    /// A burst that begins in this frame was sent when the other end last began one; the frame is 20 ms long, and its
    /// beginning is as old as a whole frame when it comes.
    void listen(Bytes payload, End& other, Clock::time_point now, std::vector<double>& delays) {
        std::array<std::int16_t, 5760> pcm{};
        std::size_t count = 0;
        if (opus_) {
            const auto made = opus_decode(decoder_.get(), reinterpret_cast<const unsigned char*>(payload.data()),
                                          static_cast<opus_int32>(payload.size()), pcm.data(), pcm.size(), 0);
            count = made > 0 ? static_cast<std::size_t>(made) : 0;
        } else {
            for (const auto octet : payload)
                pcm[count++] = codecs::g711::decode_mu(std::to_integer<std::uint8_t>(octet));
        }
        const auto end = pcm.begin() + static_cast<std::ptrdiff_t>(count);
        const auto loud = std::find_if(pcm.begin(), end, [](std::int16_t sample) { return std::abs(sample) > kLoud; });
        if (loud == end) {
            quiet_ += 1;
            return;
        }
        // Both frames begin with their first sample: what is between the packets is the delay, and where in its frame
        // the burst comes out is added.
        if (quiet_ >= 10 && other.burst_sent_ != Clock::time_point{}) {
            const double offset = 20.0 * static_cast<double>(loud - pcm.begin()) / static_cast<double>(count);
            delays.push_back(std::chrono::duration<double, std::milli>(now - other.burst_sent_).count() + offset);
        }
        quiet_ = 0;
    }

    bool opus_;
    int fd_;
    std::unique_ptr<OpusDecoder, FreeDecoder> decoder_;
    std::uint16_t sequence_ = 1;
    std::uint32_t timestamp_ = 0;
    Clock::time_point burst_sent_{};
    unsigned quiet_ = 0;
};

struct Call {
    End a{false}, b{true};
};

/// A second of speech-like noise below the bursts' level, with a burst of 20 ms at its beginning.
std::vector<std::int16_t> sound(unsigned rate) {
    std::vector<std::int16_t> out(rate);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double t = static_cast<double>(i) / rate;
        const double loud = i < rate / 50 ? 20'000 : 400 * (1 + std::sin(2 * M_PI * 3 * t));
        const double wave = i < rate / 50 ? std::sin(2 * M_PI * 800 * t + M_PI / 2)
                                          : std::sin(2 * M_PI * 210 * t) + 0.5 * std::sin(2 * M_PI * 1270 * t);
        out[i] = static_cast<std::int16_t>(loud * wave);
    }
    return out;
}

using Payloads = std::vector<std::vector<std::byte>>;

Payloads law() {
    const auto samples = sound(8000);
    Payloads out(kBurstEach, std::vector<std::byte>(160));
    for (std::size_t i = 0; i < samples.size(); ++i)
        out[i / 160][i % 160] = std::byte{codecs::g711::encode_mu(samples[i])};
    return out;
}

Payloads opus() {
    const std::unique_ptr<OpusEncoder, FreeEncoder> encoder{
        opus_encoder_create(48'000, 1, OPUS_APPLICATION_VOIP, nullptr)};
    opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(32'000));
    const auto samples = sound(48'000);
    Payloads out;
    std::array<unsigned char, 1500> room{};
    for (std::size_t at = 0; at < samples.size(); at += 960) {
        const auto size = opus_encode(encoder.get(), &samples[at], 960, room.data(), room.size());
        const auto octets = std::as_bytes(std::span{room}.first(static_cast<std::size_t>(std::max(size, 0))));
        out.emplace_back(octets.begin(), octets.end());
    }
    return out;
}

/// Streams of a worker, until it goes away.
class Relay {
  public:
    Relay(const std::string& socket, unsigned opus_rate) : client_{io_, socket}, opus_rate_{opus_rate} {
        std::optional<std::expected<void, api::Error>> connected;
        client_.connect([&](auto outcome) { connected = std::move(outcome); });
        wait(connected);
    }
    void open(Call& call) {
        api::StreamSetup setup{.stream = "audio", .mode = api::Mode::bridge};
        setup.a.remotes = {{.component = 1, .ip = "127.0.0.1", .port = call.a.port()}};
        setup.b.remotes = {{.component = 1, .ip = "127.0.0.1", .port = call.b.port()}};
        setup.program.kind = api::Program::Kind::transcode;
        setup.program.a = {.codec = "PCMU", .payload_type = kPcmu};
        setup.program.b = {.codec = "opus", .payload_type = kOpus, .clock_rate = opus_rate_};
        std::optional<std::expected<api::Ports, api::Error>> opened;
        client_.open_stream("bench-" + std::to_string(++opened_), setup,
                            [&](auto outcome) { opened = std::move(outcome); });
        wait(opened);
        call.a.connect_to((*opened)->a.front().port);
        call.b.connect_to((*opened)->b.front().port);
    }
    void poll() {
        io_.restart();
        io_.poll();
    }

  private:
    template <class Outcome>
    void wait(std::optional<Outcome>& outcome) {
        while (!outcome && io_.run_one() > 0) {
        }
        io_.restart();
        if (!outcome || !*outcome)
            throw std::runtime_error{"the worker refuses: " + (outcome ? outcome->error().reason : "")};
    }
    boost::asio::io_context io_;
    api::Client client_;
    unsigned opus_rate_;  // that the relay works at; 0: as it likes
    unsigned opened_ = 0;
};

void connect_by_hand(std::vector<std::unique_ptr<Call>>& calls) {
    for (const auto& call : calls) std::cout << call->a.port() << ' ' << call->b.port() << '\n';
    std::cout << "ports" << std::endl;
    for (const auto& call : calls) {
        unsigned a = 0, b = 0;
        if (!(std::cin >> a >> b)) throw std::runtime_error{"ports are missing"};
        call->a.connect_to(static_cast<std::uint16_t>(a));
        call->b.connect_to(static_cast<std::uint16_t>(b));
    }
}

double quantile(std::vector<double>& values, double share) {
    if (values.empty()) return 0;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, at);
    return *at;
}

int run(int argc, char** argv) {
    unsigned count = 20, seconds = 10, opus_rate = 0;
    std::string socket;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view option{argv[i]};
        if (option == "--calls") count = static_cast<unsigned>(std::atoi(argv[i + 1]));
        if (option == "--seconds") seconds = static_cast<unsigned>(std::atoi(argv[i + 1]));
        if (option == "--opus-rate") opus_rate = static_cast<unsigned>(std::atoi(argv[i + 1]));
        if (option == "--socket") socket = argv[i + 1];
    }
    std::vector<std::unique_ptr<Call>> calls;
    for (unsigned i = 0; i < count; ++i) calls.push_back(std::make_unique<Call>());
    std::optional<Relay> relay;
    if (!socket.empty()) {
        relay.emplace(socket, opus_rate);
        for (auto& call : calls) relay->open(*call);
    } else {
        connect_by_hand(calls);
    }
    const auto spoken_a = law(), spoken_b = opus();
    std::vector<double> to_b, to_a;
    const auto begin = Clock::now();
    const unsigned frames = seconds * 50;
    // The calls take turns within each 20 ms, so that nothing comes in bursts.
    for (unsigned frame = 0; frame < frames; ++frame) {
        for (unsigned i = 0; i < count; ++i) {
            const auto due = begin + frame * 20ms + i * 20ms / count;
            for (auto now = Clock::now();; now = Clock::now()) {
                for (auto& call : calls) call->a.receive(call->b, now, to_a), call->b.receive(call->a, now, to_b);
                if (Clock::now() >= due) break;
                std::this_thread::sleep_for(std::min<Clock::duration>(due - Clock::now(), 1ms));
            }
            const bool burst = frame % kBurstEach == 0;
            const auto now = Clock::now();
            calls[i]->a.send(spoken_a[frame % kBurstEach], now, burst);
            calls[i]->b.send(spoken_b[frame % kBurstEach], now, burst);
        }
        if (relay) relay->poll();
    }
    std::uint64_t received = 0;
    for (const auto& call : calls) received += call->a.received + call->b.received;
    std::printf(
        "{\"sent\": %llu, \"received\": %llu, \"to_opus_p50_ms\": %.1f, \"to_opus_p99_ms\": %.1f, \"to_pcmu_p50_ms\": "
        "%.1f, "
        "\"to_pcmu_p99_ms\": %.1f, \"bursts\": %zu}\n",
        2ull * count * frames, static_cast<unsigned long long>(received), quantile(to_b, 0.5), quantile(to_b, 0.99),
        quantile(to_a, 0.5), quantile(to_a, 0.99), to_a.size() + to_b.size());
    return 0;
}

}  // namespace
}  // namespace carillon::bench

int main(int argc, char** argv) try { return carillon::bench::run(argc, argv); } catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
