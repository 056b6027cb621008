/// What 20 ms of a transcoded call cost, both ways, beside bare libopus at like settings.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <opus/opus.h>

#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "codecs/g711/g711.h"
#include "media/rtp/rtp_stream.h"
#include "relay/media/transcode_job.h"

namespace carillon::relay {
namespace {

constexpr int kBitrate = 32000;
constexpr int kComplexity = 5;

/// A second of something like a voice: tones that come and go over a little noise.
std::vector<std::int16_t> voice(unsigned rate) {
    std::vector<std::int16_t> out(rate);
    std::minstd_rand random{7};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const double t = static_cast<double>(i) / rate;
        const double loud = 0.5 + 0.5 * std::sin(2 * M_PI * 3 * t);
        double sample = 0;
        for (int k = 1; k < 12; ++k) sample += std::sin(2 * M_PI * 140 * k * t + k) / k;
        out[i] = static_cast<std::int16_t>(5000 * loud * sample + static_cast<double>(random() % 400) - 200);
    }
    return out;
}

struct OpusEnd {
    explicit OpusEnd(int rate, bool fec = true) {
        int error = 0;
        encoder = opus_encoder_create(rate, 1, OPUS_APPLICATION_VOIP, &error);
        opus_encoder_ctl(encoder, OPUS_SET_BITRATE(kBitrate));
        opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(kComplexity));
        opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(fec ? 1 : 0));
        opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(fec ? 5 : 0));
        decoder = opus_decoder_create(rate, 1, &error);
    }
    ~OpusEnd() {
        opus_encoder_destroy(encoder);
        opus_decoder_destroy(decoder);
    }
    OpusEncoder* encoder;
    OpusDecoder* decoder;
};

/// A second of Opus packets, as an end sends them.
std::vector<std::vector<std::byte>> spoken_in_opus() {
    OpusEnd end{48000};
    const auto sound = voice(48000);
    std::vector<std::vector<std::byte>> packets;
    for (std::size_t at = 0; at < sound.size(); at += 960) {
        std::array<unsigned char, 1500> room{};
        const auto size = opus_encode(end.encoder, &sound[at], 960, room.data(), room.size());
        const auto bytes = std::as_bytes(std::span{room}.first(static_cast<std::size_t>(size)));
        packets.emplace_back(bytes.begin(), bytes.end());
    }
    return packets;
}

/// Decode Opus, encode Opus, and G.711 both ways by its table: what no transcoder can do without.
void bare(benchmark::State& state, int rate) {
    OpusEnd end{rate};
    const auto frame = static_cast<std::size_t>(rate / 50);
    const auto sound = voice(static_cast<unsigned>(rate));
    const auto packets = spoken_in_opus();
    std::vector<std::int16_t> decoded(frame);
    std::array<unsigned char, 1500> room{};
    std::size_t i = 0;
    for (auto _ : state) {
        const auto& packet = packets[i % 50];
        opus_decode(end.decoder, reinterpret_cast<const unsigned char*>(packet.data()),
                    static_cast<opus_int32>(packet.size()), decoded.data(), static_cast<int>(frame), 0);
        std::array<std::uint8_t, 160> law{};
        for (std::size_t k = 0; k < 160; ++k) law[k] = codecs::g711::encode_mu(decoded[k * frame / 160]);
        benchmark::DoNotOptimize(law);
        std::array<std::int16_t, 160> heard{};
        for (std::size_t k = 0; k < 160; ++k) heard[k] = codecs::g711::decode_mu(law[k]);
        benchmark::DoNotOptimize(heard);
        benchmark::DoNotOptimize(
            opus_encode(end.encoder, &sound[i % 50 * frame], static_cast<int>(frame), room.data(), room.size()));
        ++i;
    }
}
void bare_at_8000(benchmark::State& state) { bare(state, 8000); }
void bare_at_48000(benchmark::State& state) { bare(state, 48000); }
BENCHMARK(bare_at_8000);
BENCHMARK(bare_at_48000);

api::Program program() {
    return {.kind = api::Program::Kind::transcode,
            .a = {.codec = "PCMU", .payload_type = 0},
            .b = {.codec = "opus", .payload_type = 111},
            .source = {},
            .sink = {},
            .returned = {}};
}

/// The whole job: rings, jitter buffers, codecs, packets, reports.
void transcode_job(benchmark::State& state) {
    const auto before = mallinfo2().uordblks;
    MediaChannel channel{true};
    TranscodeJob job{program()};
    rtp::RtpSender plain{7, 0, 0};
    rtp::RtpSender opus{8, 0, 0};
    const auto packets = spoken_in_opus();
    const auto sound = voice(8000);
    std::vector<std::vector<std::byte>> law(50, std::vector<std::byte>(160));
    for (std::size_t i = 0; i < 8000; ++i) law[i / 160][i % 160] = std::byte{codecs::g711::encode_mu(sound[i])};
    SteadyTime now{std::chrono::hours{1}};
    std::size_t i = 0;
    std::size_t sent = 0;
    for (auto _ : state) {
        now += kMediaTick;
        channel.in[0].push(plain.packet(0, false, law[i % 50], 160), false, now);
        channel.in[1].push(opus.packet(111, false, packets[i % 50], 960), false, now);
        MediaPort port{channel};
        job.tick(port, now);
        for (auto& ring : channel.out)
            while (ring.pop([&](Bytes packet, bool, SteadyTime) { benchmark::DoNotOptimize(packet.data()), ++sent; })) {
            }
        ++i;
    }
    state.counters["KiB"] = static_cast<double>(mallinfo2().uordblks - before) / 1024;
    state.counters["packets"] = static_cast<double>(sent) / static_cast<double>(i);
}
BENCHMARK(transcode_job);

}  // namespace
}  // namespace carillon::relay
