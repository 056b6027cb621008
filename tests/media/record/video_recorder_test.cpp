/// Recordings of made-up video calls, and what ffprobe and ffmpeg find in them.
/// Spec: docs/recording.md; RFC 9559; RFC 4588 §4, RFC 2198, RFC 5109 (what Chromium wraps its VP8 in).
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numbers>

#include "codecs/audio_codec.h"
#include "codecs/vpx/vpx_codec.h"
#include "media/record/call_recorder.h"
#include "media/video/h264_payload.h"
#include "media/video/vp8_payload.h"
#include "media/video/vp9_payload.h"
#include "tests/media/record/run_program.h"

namespace carillon::record {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using codecs::vpx::Format;
using Packet = std::vector<std::byte>;

constexpr std::uint8_t kVp8 = 96, kVp9 = 98, kH264 = 102, kRtx = 97, kRed = 116, kFec = 117;

Packet rtp(std::uint8_t type, bool marker, std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc,
           Bytes payload) {
    ByteWriter out;
    out.u8(0x80), out.u8(static_cast<std::uint8_t>((marker ? 0x80 : 0) | type));
    out.u16(sequence), out.u32(timestamp), out.u32(ssrc), out.bytes(payload);
    return out.release();
}

/// A side that shows a moving square, 25 pictures a second.
class Show {
  public:
    explicit Show(Format format, unsigned width = 320, unsigned height = 240)
        : format_{format},
          encoder_{format, {.width = width, .height = height, .bitrate = 300'000, .frames_per_second = 25}},
          picture_{codecs::vpx::Picture::make(width, height)} {}

    /// The packets of the next picture.
    std::vector<Packet> next(bool key = false) {
        for (unsigned y = 0; y < picture_.height; ++y)
            for (unsigned x = 0; x < picture_.width; ++x)
                picture_.y[y * picture_.width + x] = static_cast<std::uint8_t>((x + 3 * n_) ^ (y * 2));
        const auto frame = encoder_.encode(picture_, key);
        ++n_;
        timestamp += 3600;
        if (!frame) return {};
        const auto payloads = format_ == Format::vp8
                                  ? video::packetize_vp8(frame->data,
                                                         {.picture_id = static_cast<std::uint16_t>(n_ & 0x7FFF),
                                                          .long_picture_id = true,
                                                          .tl0_picture_index = {},
                                                          .temporal_layer = {},
                                                          .key_index = {}},
                                                         1100)
                                  : video::packetize_vp9(frame->data,
                                                         {.picture_id = static_cast<std::uint16_t>(n_ & 0x7FFF),
                                                          .long_picture_id = true,
                                                          .inter_predicted = !frame->key,
                                                          .temporal_layer = {},
                                                          .spatial_layer = {},
                                                          .tl0_picture_index = {},
                                                          .structure = {}},
                                                         1100);
        std::vector<Packet> out;
        for (std::size_t i = 0; i < payloads.size(); ++i)
            out.push_back(rtp(format_ == Format::vp8 ? kVp8 : kVp9, i + 1 == payloads.size(), sequence++, timestamp, 77,
                              payloads[i]));
        return out;
    }
    std::uint16_t sequence = 65'500;  // wraps soon
    std::uint32_t timestamp = 0xFFFF'8000;

  private:
    Format format_;
    codecs::vpx::Encoder encoder_;
    codecs::vpx::Picture picture_;
    unsigned n_ = 0;
};

class VideoRecording : public testing::Test {
  protected:
    VideoRecording() {
        std::string name = (fs::temp_directory_path() / "carillon-video-recording-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~VideoRecording() override { fs::remove_all(folder); }

    void begin(RecorderOptions options = {}) {
        options.path = folder / "call";
        options.comments = {{"TITLE", "call 42"}};
        for (auto& names : options.names) names = {{111, "opus/48000"}};
        for (auto& names : options.video)
            names = {{kVp8, "VP8/90000"}, {kVp9, "VP9/90000"}, {kH264, "H264/90000"},
                     {kRtx, "rtx/90000"}, {kRed, "red/90000"}, {kFec, "ulpfec/90000"}};
        options.want_key_frame = [this](std::size_t side, std::uint32_t) { ++wanted[side]; };
        auto made = CallRecorder::create(options);
        ASSERT_TRUE(made) << made.error();
        recorder = std::move(*made);
    }
    /// 20 ms at a time; `picture` each 40 ms.
    template <class Picture>
    void run(std::chrono::milliseconds time, Picture picture) {
        for (int i = 0; i < time / 20ms; ++i) {
            recorder->packet(0, sound(), now);
            if (i % 2 == 0) picture();
            now += 20ms;
            recorder->tick(now);
        }
    }
    void show(std::size_t side, const std::vector<Packet>& packets) {
        for (const auto& packet : packets) EXPECT_TRUE(recorder->packet(side, packet, now));
    }
    Packet sound() {
        std::vector<std::int16_t> frame(960);
        for (auto& sample : frame)
            sample = static_cast<std::int16_t>(8000 * std::sin(2 * std::numbers::pi * 440 * n++ / 48'000));
        std::array<std::byte, 1500> payload;
        const auto size = voice->encode(frame, payload);
        said += 960;
        return rtp(111, false, spoken++, said, 7, Bytes{payload}.first(size));
    }
    std::string file(const char* name) const { return folder / name; }
    static std::string probe(const std::string& what, const std::string& path) {
        auto out = test::output_of("ffprobe -v error -show_entries " + what + " -of csv=p=0 " + path + " 2>&1");
        while (!out.empty() && out.back() == '\n') out.pop_back();
        return out;
    }
    static double seconds(const std::string& path) {
        const auto text = probe("format=duration", path);
        return text.empty() || text == "N/A" ? -1 : std::stod(text);
    }
    /// Decoded without a complaint.
    static int pictures(const std::string& path) {
        EXPECT_EQ(test::output_of("ffmpeg -v warning -i " + path + " -f null - 2>&1"), "") << path;
        return std::stoi(probe("stream=nb_read_frames -count_frames -select_streams v", path));
    }

    fs::path folder;
    std::unique_ptr<CallRecorder> recorder;
    std::chrono::nanoseconds now{0};
    std::array<int, 2> wanted{};
    std::unique_ptr<codecs::Encoder> voice = codecs::make_encoder(codecs::AudioCodec::opus);
    std::uint64_t n = 0;
    std::uint16_t spoken = 1;
    std::uint32_t said = 0;
};

TEST_F(VideoRecording, EachSideIsAWebmFileThatForeignProgramsPlay) {
    begin();
    Show caller{Format::vp8}, callee{Format::vp9, 176, 144};
    run(3s, [&] { show(0, caller.next()), show(1, callee.next()); });
    recorder->close(now);
    EXPECT_EQ(recorder->error(), "");
    ASSERT_EQ(recorder->files().size(), 5u);
    EXPECT_EQ(probe("stream=codec_name,width,height", file("call-caller.webm")), "vp8,320,240\nopus\nopus");
    EXPECT_EQ(probe("stream=codec_name,width,height", file("call-callee.webm")), "vp9,176,144\nopus\nopus");
    EXPECT_EQ(probe("format=format_name:format_tags=title", file("call-caller.webm")), "\"matroska,webm\",call 42");
    for (const auto* each : {"call-caller.webm", "call-callee.webm"}) {
        EXPECT_NEAR(seconds(file(each)), 3, 0.05) << each;
        EXPECT_EQ(pictures(file(each)), 75) << each;
        EXPECT_EQ(fs::status(file(each)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    }
}

TEST_F(VideoRecording, BegunInMidCallItAsksForAKeyFrameAndShowsFromThere) {
    Show caller{Format::vp8};
    caller.next();
    begin();
    for (int i = 0; i < 3; ++i) caller.next();  // the key frame went before it began
    bool asked = false;
    run(2s, [&] {
        const bool answer = wanted[0] > 0 && now >= 400ms && !asked;
        asked = asked || answer;
        show(0, caller.next(answer));
    });
    recorder->close(now);
    EXPECT_EQ(wanted[0], 1) << "one is enough, and is not asked for again within a second";
    EXPECT_EQ(wanted[1], 0);
    EXPECT_NEAR(seconds(file("call-caller.webm")), 2, 0.05);
    EXPECT_EQ(pictures(file("call-caller.webm")), 40) << "400 ms were without";
    EXPECT_FALSE(fs::exists(file("call-callee.webm")));
}

TEST_F(VideoRecording, KilledItLacksLessThanASecond) {
    begin();
    Show caller{Format::vp8};
    run(4s, [&] { show(0, caller.next()); });
    fs::copy_file(file("call-caller.webm"), file("killed.webm"));  // as it is now
    EXPECT_GE(seconds(file("killed.webm")), 3.0);
    EXPECT_GE(pictures(file("killed.webm")), 75);
    recorder->close(now);
    EXPECT_EQ(pictures(file("call-caller.webm")), 100);
}

TEST_F(VideoRecording, ALostPacketCostsWhatDependsOnItAndAsksAgain) {
    begin();
    Show caller{Format::vp8};
    int shown = 0;
    run(3s, [&] {
        const bool answer = wanted[0] > 1;
        auto packets = caller.next(answer && shown > 30);
        if (shown++ == 25) packets.pop_back();
        show(0, packets);
    });
    recorder->close(now);
    EXPECT_GE(wanted[0], 1);
    const auto seen = pictures(file("call-caller.webm"));
    EXPECT_LT(seen, 75);
    EXPECT_GT(seen, 40);
}

TEST_F(VideoRecording, RetransmissionsAndWhatIsWrappedInRedAreRead) {
    begin();
    Show caller{Format::vp8};
    std::uint16_t again = 900;
    int shown = 0;
    run(2s, [&] {
        for (auto& packet : caller.next()) {
            const auto header = *rtp::Header::parse(packet);
            const Bytes payload = Bytes{packet}.subspan(12);
            ByteWriter red;
            red.u8(kVp8), red.bytes(payload);
            if (shown++ % 10 != 9) {
                recorder->packet(0, rtp(kRed, header.marker, header.sequence.value, header.timestamp, 77, red.view()),
                                 now);
                continue;
            }
            ByteWriter rtx;  // lost, and sent again as RFC 4588 says
            rtx.u16(header.sequence.value), rtx.bytes(payload);
            recorder->packet(0, rtp(kRtx, header.marker, again++, header.timestamp, 78, rtx.view()), now);
        }
        ByteWriter fec;  // takes a number of the stream and is no part of a frame
        fec.u8(kFec), fec.zeros(40);
        recorder->packet(0, rtp(kRed, false, caller.sequence++, caller.timestamp, 77, fec.view()), now);
    });
    recorder->close(now);
    EXPECT_LE(wanted[0], 1) << "nothing was missing, once the first frame was whole";
    EXPECT_EQ(pictures(file("call-caller.webm")), 50);
}

TEST_F(VideoRecording, AnotherCodecInMidCallBeginsAnotherFile) {
    begin({.mixed = false});
    Show before{Format::vp8}, after{Format::vp9};
    after.sequence = 100;
    run(1s, [&] { show(0, before.next()); });
    run(1s, [&] { show(0, after.next()); });
    recorder->close(now);
    EXPECT_EQ(probe("stream=codec_name", file("call-caller.webm")), "vp8\nopus");
    EXPECT_EQ(probe("stream=codec_name", file("call-caller-2.webm")), "vp9\nopus");
    EXPECT_EQ(pictures(file("call-caller.webm")), 25);
    EXPECT_EQ(pictures(file("call-caller-2.webm")), 25);
}

TEST_F(VideoRecording, H264IsAMatroskaFile) {
    const auto stream = file("stream.264");
    test::output_of(
        "ffmpeg -v error -f lavfi -i testsrc=size=322x242:rate=25 -t 2 -pix_fmt yuv420p -c:v libx264 "
        "-tune zerolatency -g 25 -x264-params repeat-headers=1:aud=1 -bsf:v h264_mp4toannexb -f h264 " +
        stream + " 2>&1");
    std::ifstream in{stream, std::ios::binary};
    const std::vector<char> octets{std::istreambuf_iterator<char>{in}, {}};
    ASSERT_GT(octets.size(), 1000u) << "ffmpeg with libx264";
    begin({.mixed = false});
    // Access units begin with their delimiter (type 9).
    std::vector<std::vector<Packet>> pictures_sent;
    for (const auto unit : video::nal_units(std::as_bytes(std::span{octets}))) {
        if (video::nal_type(unit) == 9) pictures_sent.emplace_back();
        ByteWriter code;
        code.u32(1), code.bytes(unit);
        for (auto& payload : video::packetize_h264(code.view(), 500))
            pictures_sent.back().push_back(std::move(payload));
    }
    ASSERT_EQ(pictures_sent.size(), 50u);
    std::uint16_t sequence = 65'530;
    std::size_t next = 0;
    run(2s, [&] {
        const auto& payloads = pictures_sent[next++];
        for (std::size_t i = 0; i < payloads.size(); ++i)
            recorder->packet(0,
                             rtp(kH264, i + 1 == payloads.size(), sequence++, static_cast<std::uint32_t>(next) * 3600,
                                 5, payloads[i]),
                             now);
    });
    recorder->close(now);
    EXPECT_EQ(recorder->error(), "");
    EXPECT_EQ(probe("stream=codec_name,width,height", file("call-caller.mkv")), "h264,322,242\nopus");
    EXPECT_NEAR(seconds(file("call-caller.mkv")), 2, 0.05);
    EXPECT_EQ(pictures(file("call-caller.mkv")), 50);
}

TEST_F(VideoRecording, AFullDiskEndsItWithAReason) {
    begin();
    Show caller{Format::vp8};
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{30'000, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    run(4s, [&] { show(0, caller.next()); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_NE(recorder->error().find("call-caller.webm"), std::string::npos) << recorder->error();
    recorder->close(now);
    EXPECT_GT(seconds(file("call-caller.webm")), 0.3) << "what was there stays good";
}

}  // namespace
}  // namespace carillon::record
