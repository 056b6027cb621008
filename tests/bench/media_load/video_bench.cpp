/// What a picture of a transcoded call costs, one way, beside the bare codecs at the same settings.
#include <benchmark/benchmark.h>
#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "codecs/vpx/vpx_codec.h"
#include "media/video/vp8_payload.h"
#include "relay/media/video_transcode_job.h"

namespace carillon::relay {
namespace {

constexpr unsigned kWidth = 640, kHeight = 480, kRate = 30, kFrames = 150;
constexpr unsigned kBitrate = VideoRate::kFirst;

/// Something that moves over something that does not, with a camera's noise.
codecs::Picture scene(unsigned number) {
    auto picture = codecs::Picture::make(kWidth, kHeight);
    std::uint32_t random = number * 2654435761u;
    const double cx = 320 + 150 * std::sin(number / 12.0), cy = 240 + 100 * std::cos(number / 12.0);
    for (unsigned y = 0; y < kHeight; ++y)
        for (unsigned x = 0; x < kWidth; ++x) {
            random = random * 1664525u + 1013904223u;
            const bool disc = std::hypot(x - cx, y - cy) < 90;
            const auto level = disc ? 150 + (x + y) % 60 : 60 + x * 80 / kWidth + (x / 16 + y / 16) % 2 * 20;
            picture.y[std::size_t{y} * kWidth + x] = static_cast<std::uint8_t>(level + (random >> 30));
        }
    return picture;
}

/// As an end sends it.
const std::vector<std::vector<std::byte>>& film() {
    static const auto frames = [] {
        std::vector<std::vector<std::byte>> out;
        codecs::vpx::Encoder encoder{codecs::vpx::Format::vp8,
                                     {.width = kWidth, .height = kHeight, .bitrate = 1'000'000}};
        for (unsigned i = 0; i < kFrames; ++i)
            if (auto frame = encoder.encode(scene(i), i == 0)) out.push_back(std::move(frame->data));
        return out;
    }();
    return frames;
}

/// libvpx alone, as it is told in codecs/vpx.
struct BareVp9 {
    BareVp9() {
        vpx_codec_dec_init(&decoder, vpx_codec_vp8_dx(), nullptr, 0);
        vpx_codec_enc_cfg_t config{};
        vpx_codec_enc_config_default(vpx_codec_vp9_cx(), &config, 0);
        config.g_w = kWidth;
        config.g_h = kHeight;
        config.g_timebase = {1, kRate};
        config.g_threads = 1;
        config.g_lag_in_frames = 0;
        config.g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
        config.rc_end_usage = VPX_CBR;
        config.rc_target_bitrate = kBitrate / 1000;
        config.rc_buf_sz = 1000;
        config.rc_buf_initial_sz = 500;
        config.rc_buf_optimal_sz = 600;
        config.kf_mode = VPX_KF_DISABLED;
        if (vpx_codec_enc_init(&encoder, vpx_codec_vp9_cx(), &config, 0) != VPX_CODEC_OK) std::abort();
        vpx_codec_control(&encoder, VP8E_SET_CPUUSED, 8);
        vpx_codec_control(&encoder, VP8E_SET_MAX_INTRA_BITRATE_PCT, 600u);
        vpx_codec_control(&encoder, VP9E_SET_AQ_MODE, 3u);
    }
    ~BareVp9() {
        vpx_codec_destroy(&decoder);
        vpx_codec_destroy(&encoder);
    }
    std::size_t pass(const std::vector<std::byte>& frame) {
        vpx_codec_decode(&decoder, reinterpret_cast<const std::uint8_t*>(frame.data()),
                         static_cast<unsigned>(frame.size()), nullptr, 0);
        vpx_codec_iter_t at = nullptr;
        const auto* picture = vpx_codec_get_frame(&decoder, &at);
        if (!picture) return 0;
        vpx_codec_encode(&encoder, picture, number++, 1, 0, VPX_DL_REALTIME);
        std::size_t size = 0;
        at = nullptr;
        while (const auto* packet = vpx_codec_get_cx_data(&encoder, &at))
            if (packet->kind == VPX_CODEC_CX_FRAME_PKT) size += packet->data.frame.sz;
        return size;
    }
    vpx_codec_ctx_t decoder{}, encoder{};
    vpx_codec_pts_t number = 0;
};

void bare_vp8_to_vp9(benchmark::State& state) {
    for (auto _ : state) {
        state.PauseTiming();
        BareVp9 bare;
        const auto& frames = film();
        state.ResumeTiming();
        for (const auto& frame : frames) benchmark::DoNotOptimize(bare.pass(frame));
    }
}

void bare_vp8_to_h264(benchmark::State& state) {
    for (auto _ : state) {
        state.PauseTiming();
        const auto decoder = codecs::make_video_decoder(codecs::VideoCodec::vp8);
        const auto encoder = codecs::make_video_encoder(codecs::VideoCodec::h264,
                                                        {.width = kWidth, .height = kHeight, .bitrate = kBitrate});
        const auto& frames = film();
        state.ResumeTiming();
        for (const auto& frame : frames)
            if (const auto picture = decoder->decode(frame)) benchmark::DoNotOptimize(encoder->encode(*picture, false));
    }
}

/// The whole job: rings, packets, frames, codecs, packets, pacing, reports.
void job_to(benchmark::State& state, const char* codec) {
    std::size_t made = 0, shown = 0;  // pictures
    for (auto _ : state) {
        state.PauseTiming();
        MediaChannel channel{true, MediaChannel::kVideoOctets};
        VideoTranscodeJob job{{.kind = api::Program::Kind::transcode,
                               .a = {},
                               .b = {},
                               .video_a = {.codec = "VP8", .payload_type = 96, .nack = true},
                               .video_b = {.codec = codec, .payload_type = 97, .nack = true},
                               .source = {},
                               .sink = {},
                               .returned = {}},
                              std::make_shared<LipSync>()};
        rtp::RtpSender sender{7, 1, 0};
        const auto& frames = film();
        SteadyTime now{std::chrono::hours{1}};
        shown += frames.size();
        state.ResumeTiming();
        for (const auto& frame : frames) {
            const auto payloads = video::packetize_vp8(frame, {}, 1100);
            for (std::size_t i = 0; i < payloads.size(); ++i)
                channel.in[0].push(sender.packet(96, i + 1 == payloads.size(), payloads[i],
                                                 i + 1 == payloads.size() ? 90'000 / kRate : 0),
                                   false, now);
            for (int k = 0; k < 3; ++k) {
                MediaPort port{channel};
                job.tick(port, now);
                now += std::chrono::milliseconds{11};
                for (auto& ring : channel.out)
                    while (ring.pop([&](Bytes packet, bool rtcp, SteadyTime) {
                        made += !rtcp && (packet[1] & std::byte{0x80}) != std::byte{0} ? 1 : 0;
                    })) {
                    }
            }
        }
    }
    if (made + made / 20 < shown) state.SkipWithError("pictures were left out");
}
void job_vp8_to_vp9(benchmark::State& state) { job_to(state, "VP9"); }
void job_vp8_to_h264(benchmark::State& state) { job_to(state, "H264"); }

BENCHMARK(bare_vp8_to_vp9)->Unit(benchmark::kMillisecond);
BENCHMARK(job_vp8_to_vp9)->Unit(benchmark::kMillisecond);
BENCHMARK(bare_vp8_to_h264)->Unit(benchmark::kMillisecond);
BENCHMARK(job_vp8_to_h264)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace carillon::relay
