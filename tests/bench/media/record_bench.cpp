/// What a recording costs: one second of a call into three files, both sides talking. `ms_per_second` is CPU; 200
/// recordings fit one core when it is under 5.
#include <benchmark/benchmark.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "codecs/audio_codec.h"
#include "media/record/call_recorder.h"

namespace carillon::record {
namespace {

using codecs::AudioCodec;
using Packets = std::vector<std::vector<std::byte>>;

/// Ten seconds of something like speech: syllables of two tones.
Packets packets(AudioCodec codec, std::uint8_t type) {
    const auto encoder = codecs::make_encoder(codec);
    const auto& format = codecs::format_of(codec);
    Packets out;
    double n = 0;
    for (std::uint16_t i = 0; i < 500; ++i) {
        std::vector<std::int16_t> frame(format.sample_rate / 50);
        for (auto& sample : frame) {
            const double t = n++ / format.sample_rate;
            const double loud = std::pow(std::sin(2 * std::numbers::pi * 2 * t), 2);
            sample = static_cast<std::int16_t>(loud * (6000 * std::sin(2 * std::numbers::pi * 180 * t) +
                                                       4000 * std::sin(2 * std::numbers::pi * 1300 * t)));
        }
        std::array<std::byte, 2048> payload;
        const auto size = encoder->encode(frame, payload);
        ByteWriter rtp;
        rtp.u8(0x80), rtp.u8(type), rtp.u16(i), rtp.u32(i * format.clock_rate / 50), rtp.u32(7);
        rtp.bytes(Bytes{payload}.first(size));
        out.push_back(rtp.release());
    }
    return out;
}

void record(benchmark::State& state, AudioCodec caller, std::uint8_t caller_type, AudioCodec callee,
            std::uint8_t callee_type, bool legs, bool mixed) {
    const std::array sides{packets(caller, caller_type), packets(callee, callee_type)};
    const auto folder = std::filesystem::temp_directory_path() / "carillon-record-bench";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const PayloadNames names{{111, "opus/48000"}};
    std::uint64_t seconds = 0, number = 0;
    for (auto _ : state) {
        auto recorder = CallRecorder::create(
            {.path = folder / std::to_string(number++), .legs = legs, .mixed = mixed, .names = {names, names}});
        if (!recorder) return state.SkipWithError(recorder.error().c_str());
        for (std::size_t i = 0; i < 500; ++i) {
            const std::chrono::milliseconds now{20 * i};
            for (std::size_t side = 0; side < 2; ++side) (*recorder)->packet(side, sides[side][i], now);
            (*recorder)->tick(now);
        }
        (*recorder)->close(std::chrono::seconds{10});
        seconds += 10;
        for (const auto& file : (*recorder)->files()) std::filesystem::remove(file);
    }
    std::filesystem::remove_all(folder);
    state.counters["call_seconds"] = benchmark::Counter{static_cast<double>(seconds), benchmark::Counter::kIsRate};
    state.counters["ms_per_second"] = benchmark::Counter{static_cast<double>(seconds) / 1000,
                                                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert};
}

BENCHMARK_CAPTURE(record, opus_opus_all_files, AudioCodec::opus, 111, AudioCodec::opus, 111, true, true);
BENCHMARK_CAPTURE(record, opus_pcmu_all_files, AudioCodec::opus, 111, AudioCodec::pcmu, 0, true, true);
BENCHMARK_CAPTURE(record, pcma_pcmu_all_files, AudioCodec::pcma, 8, AudioCodec::pcmu, 0, true, true);
BENCHMARK_CAPTURE(record, opus_opus_legs, AudioCodec::opus, 111, AudioCodec::opus, 111, true, false);
BENCHMARK_CAPTURE(record, opus_opus_mixed, AudioCodec::opus, 111, AudioCodec::opus, 111, false, true);

}  // namespace
}  // namespace carillon::record

BENCHMARK_MAIN();
