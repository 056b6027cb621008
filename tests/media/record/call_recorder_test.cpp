/// Recordings of made-up calls by a made-up clock, and what ffprobe and a decoder of their own find in them.
#include "media/record/call_recorder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numbers>

#include "codecs/audio_codec.h"
#include "media/wav/wav.h"
#include "tests/media/record/run_program.h"

namespace carillon::record {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using codecs::AudioCodec;
using Packet = std::vector<std::byte>;

/// A side that hums.
class Hum {
  public:
    Hum(AudioCodec codec, std::uint8_t type, double hertz, std::uint32_t ssrc = 1)
        : encoder_{codecs::make_encoder(codec)},
          format_{codecs::format_of(codec)},
          type_{type},
          hertz_{hertz},
          ssrc_{ssrc} {}

    /// The next 20 ms.
    Packet next(bool silent = false) {
        std::vector<std::int16_t> frame(format_.sample_rate / 50);
        for (auto& sample : frame)
            sample = silent ? std::int16_t{0}
                            : static_cast<std::int16_t>(
                                  8000 * std::sin(2 * std::numbers::pi * hertz_ * n_++ / format_.sample_rate));
        std::array<std::byte, 2048> payload;
        const auto size = encoder_->encode(frame, payload);
        ByteWriter out;
        out.u8(0x80), out.u8(type_), out.u16(sequence++), out.u32(timestamp), out.u32(ssrc_);
        out.bytes(Bytes{payload}.first(size));
        timestamp += format_.clock_rate / 50;
        return out.release();
    }
    std::uint16_t sequence = 65'500;  // wraps soon
    std::uint32_t timestamp = 0xFFFF'0000;

  private:
    std::unique_ptr<codecs::Encoder> encoder_;
    codecs::AudioFormat format_;
    std::uint8_t type_;
    double hertz_;
    std::uint32_t ssrc_;
    std::uint64_t n_ = 0;
};

class Recording : public testing::Test {
  protected:
    Recording() {
        std::string name = (fs::temp_directory_path() / "carillon-recording-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~Recording() override { fs::remove_all(folder); }

    void begin(RecorderOptions options = {}) {
        options.path = folder / "call";
        for (auto& names : options.names) names = {{111, "opus/48000"}, {96, "L16/16000"}, {63, "red/48000"}};
        auto made = CallRecorder::create(options);
        ASSERT_TRUE(made) << made.error();
        recorder = std::move(*made);
    }
    /// 20 ms at a time.
    void run(std::chrono::milliseconds time, const std::function<void(int)>& each) {
        for (int i = 0; i < time / 20ms; ++i) {
            each(i);
            now += 20ms;
            recorder->tick(now);
        }
    }
    void say(std::size_t side, const Packet& packet, std::chrono::milliseconds late = 0ms) {
        recorder->packet(side, packet, now + late);
    }
    std::string file(const char* which) const { return folder / (std::string{"call-"} + which + ".opus"); }
    double seconds(const char* which) const {
        return std::stod(test::output_of("ffprobe -v error -show_entries format=duration -of csv=p=0 " + file(which)));
    }
    /// How loud a tone is from `from` to `to` seconds, 0 to 1 of full scale.
    double loudness(const char* which, double hertz, double from, double to) const {
        const std::string wav = folder / (std::string{which} + ".wav");
        test::output_of("ffmpeg -v error -y -i " + file(which) + " -ar 16000 -ac 1 " + wav + " 2>&1");
        const auto audio = wav::load(wav);
        if (!audio) return -1;
        double re = 0, im = 0;
        const auto first = static_cast<std::size_t>(from * 16'000);
        const auto last = std::min(static_cast<std::size_t>(to * 16'000), audio->samples.size());
        for (auto i = first; i < last; ++i) {
            const double angle = 2 * std::numbers::pi * hertz * static_cast<double>(i) / 16'000;
            re += audio->samples[i] * std::cos(angle), im += audio->samples[i] * std::sin(angle);
        }
        return last > first ? 2 * std::hypot(re, im) / static_cast<double>(last - first) / 32'768 : 0;
    }

    fs::path folder;
    std::unique_ptr<CallRecorder> recorder;
    std::chrono::nanoseconds now{0};
};

constexpr double kLoud = 8000.0 / 32'768;

TEST_F(Recording, BothSidesAndTheirMixAreAsLongAsTheCall) {
    begin();
    Hum caller{AudioCodec::opus, 111, 440}, callee{AudioCodec::pcmu, 0, 1000};
    run(4s, [&](int) { say(0, caller.next()), say(1, callee.next()); });
    recorder->close(now);
    EXPECT_TRUE(recorder->error().empty()) << recorder->error();
    EXPECT_EQ(recorder->packets(), 400u);
    for (const char* which : {"caller", "callee", "mixed"}) EXPECT_NEAR(seconds(which), 4, 0.05) << which;
    EXPECT_NEAR(loudness("caller", 440, 0.5, 3.5), kLoud, 0.05);
    EXPECT_LT(loudness("caller", 1000, 0.5, 3.5), 0.01);
    EXPECT_NEAR(loudness("callee", 1000, 0.5, 3.5), kLoud, 0.05);
    EXPECT_LT(loudness("callee", 440, 0.5, 3.5), 0.01);
    EXPECT_NEAR(loudness("mixed", 440, 0.5, 3.5), kLoud, 0.05);
    EXPECT_NEAR(loudness("mixed", 1000, 0.5, 3.5), kLoud, 0.05);
}

TEST_F(Recording, OpusIsKeptAsItCame) {
    begin({.mixed = false});
    Hum caller{AudioCodec::opus, 111, 440};
    std::vector<Packet> sent;
    run(1s, [&](int) { sent.push_back(caller.next()), say(0, sent.back()); });
    recorder->close(now);
    const auto text = test::output_of("cat " + file("caller"));
    for (const auto& packet : sent)
        EXPECT_NE(text.find(as_text(Bytes{packet}.subspan(12))), text.npos) << "a payload is not in the file";
    EXPECT_EQ(recorder->files().size(), 2u);
}

TEST_F(Recording, WhatEveryCodecSaysIsHeard) {
    for (const auto& [codec, type] : {std::pair{AudioCodec::pcma, 8}, {AudioCodec::g722, 9}, {AudioCodec::l16, 96}}) {
        begin();
        Hum caller{codec, static_cast<std::uint8_t>(type), 700};
        run(2s, [&](int) { say(0, caller.next()); });
        recorder->close(now);
        EXPECT_NEAR(seconds("caller"), 2, 0.05);
        EXPECT_NEAR(loudness("caller", 700, 0.5, 1.8), kLoud, 0.06) << type;
        EXPECT_NEAR(loudness("mixed", 700, 0.5, 1.8), kLoud, 0.06) << type;
        fs::remove(file("caller")), fs::remove(file("callee")), fs::remove(file("mixed"));
        now = 0ns;
    }
}

TEST_F(Recording, ASideThatComesLaterIsAtItsPlace) {
    begin();
    Hum caller{AudioCodec::opus, 111, 440}, callee{AudioCodec::opus, 111, 1000, 2};
    run(2s, [&](int) { say(0, caller.next()); });
    run(2s, [&](int) { say(0, caller.next()), say(1, callee.next()); });
    recorder->close(now);
    EXPECT_NEAR(seconds("callee"), 4, 0.05);
    EXPECT_LT(loudness("callee", 1000, 0.2, 1.8), 0.01);
    EXPECT_NEAR(loudness("callee", 1000, 2.2, 3.8), kLoud, 0.05);
    EXPECT_NEAR(loudness("mixed", 1000, 2.2, 3.8), kLoud, 0.05);
    EXPECT_LT(loudness("mixed", 1000, 0.2, 1.8), 0.01);
}

TEST_F(Recording, MutedAndResumedKeepsTime) {
    begin();
    Hum caller{AudioCodec::opus, 111, 440};
    run(1s, [&](int) { say(0, caller.next()); });
    run(3s, [&](int) { caller.timestamp += 960; });  // discontinuous transmission: the time stamps go on
    run(1s, [&](int) { say(0, caller.next()); });
    run(3s, [](int) {});  // held: they do not
    run(1s, [&](int) { say(0, caller.next()); });
    recorder->close(now);
    EXPECT_NEAR(seconds("caller"), 9, 0.1);
    EXPECT_NEAR(seconds("mixed"), 9, 0.1);
    for (const double at : {0.2, 4.2, 8.2}) {
        EXPECT_NEAR(loudness("caller", 440, at, at + 0.6), kLoud, 0.07) << at;
        EXPECT_NEAR(loudness("mixed", 440, at, at + 0.6), kLoud, 0.07) << at;
    }
    for (const double at : {2.0, 6.0}) {
        EXPECT_LT(loudness("caller", 440, at, at + 1), 0.01) << at;
        EXPECT_LT(loudness("mixed", 440, at, at + 1), 0.01) << at;
    }
}

TEST_F(Recording, LateAndDoubledAndLostPacketsDoNotShiftIt) {
    begin();
    Hum caller{AudioCodec::opus, 111, 440}, callee{AudioCodec::pcma, 8, 1000, 2};
    Packet held;
    run(4s, [&](int i) {
        const auto packet = caller.next();
        if (i % 10 == 3) {
            held = packet;  // goes after the next one
        } else if (i % 10 == 4) {
            say(0, packet), say(0, held), say(0, packet);
        } else {
            say(0, packet);
        }
        const auto other = callee.next();
        if (i % 20 != 7) say(1, other);
    });
    recorder->close(now);
    for (const char* which : {"caller", "callee", "mixed"}) EXPECT_NEAR(seconds(which), 4, 0.05) << which;
    EXPECT_NEAR(loudness("caller", 440, 0.5, 3.5), kLoud, 0.05) << "every packet is there, in order";
    EXPECT_NEAR(loudness("callee", 1000, 0.5, 3.5), kLoud, 0.06) << "what is lost is guessed";
}

TEST_F(Recording, ACodecThatChangesInTheCallGoesOn) {
    begin();
    Hum opus{AudioCodec::opus, 111, 440}, pcmu{AudioCodec::pcmu, 0, 440};
    run(2s, [&](int) { say(0, opus.next()); });
    pcmu.sequence = opus.sequence;
    run(2s, [&](int) { say(0, pcmu.next()); });
    opus.sequence = pcmu.sequence;
    run(2s, [&](int) { say(0, opus.next()); });
    recorder->close(now);
    EXPECT_NEAR(seconds("caller"), 6, 0.1);
    for (const double at : {0.5, 2.5, 4.5}) {
        EXPECT_NEAR(loudness("caller", 440, at, at + 1.2), kLoud, 0.07) << at;
        EXPECT_NEAR(loudness("mixed", 440, at, at + 1.2), kLoud, 0.07) << at;
    }
    EXPECT_EQ(test::output_of("opusinfo " + file("caller") + " 2>&1 | grep -c WARNING || true"), "0\n");
}

TEST_F(Recording, ASenderThatBeginsAnewGoesOn) {
    begin();
    Hum first{AudioCodec::opus, 111, 440, 1}, second{AudioCodec::opus, 111, 440, 99};
    second.sequence = 7, second.timestamp = 12345;
    run(2s, [&](int) { say(0, first.next()); });
    run(2s, [&](int) { say(0, second.next()); });
    recorder->close(now);
    EXPECT_NEAR(seconds("caller"), 4, 0.1);
    EXPECT_NEAR(loudness("caller", 440, 2.3, 3.8), kLoud, 0.05);
}

TEST_F(Recording, RedundancyIsReadAsItsPrimaryBlock) {
    begin();
    Hum caller{AudioCodec::opus, 111, 440};
    Packet before;
    run(2s, [&](int) {
        const auto packet = caller.next();
        const auto payload = Bytes{packet}.subspan(12);
        ByteWriter red;
        red.bytes(Bytes{packet}.first(12));
        if (!before.empty()) red.u8(0x80 | 111), red.u24((960u << 10) | static_cast<unsigned>(before.size()));
        red.u8(111), red.bytes(before), red.bytes(payload);
        auto wrapped = red.release();
        wrapped[1] = std::byte{63};
        say(0, wrapped);
        before.assign(payload.begin(), payload.end());
    });
    recorder->close(now);
    EXPECT_NEAR(seconds("caller"), 2, 0.05);
    EXPECT_NEAR(loudness("caller", 440, 0.5, 1.8), kLoud, 0.05);
}

TEST_F(Recording, AFullDiskIsAnErrorAndLeavesWholeFiles) {
    begin({.file_octets = 8'000});
    Hum caller{AudioCodec::opus, 111, 440};
    run(10s, [&](int) { say(0, caller.next()); });
    EXPECT_FALSE(recorder->error().empty());
    recorder->close(now);
    EXPECT_GT(seconds("caller"), 0.5);
    EXPECT_LE(fs::file_size(file("caller")), 8'000u);
}

TEST_F(Recording, NoiseInsteadOfRtpDoesNoHarm) {
    begin();
    std::uint32_t seed = 1;
    const auto noise = [&] { return seed = seed * 1664525 + 1013904223; };
    run(3s, [&](int) {
        for (int k = 0; k < 20; ++k) {
            Packet packet(noise() >> 8 & 0xFF);
            for (auto& octet : packet) octet = static_cast<std::byte>(noise() >> 24);
            if (packet.size() > 12) {
                packet[0] = static_cast<std::byte>(0x80 | (noise() >> 28));
                packet[1] = static_cast<std::byte>(k % 4 == 0 ? 111 : k % 4 == 1 ? 0 : k % 4 == 2 ? 63 : 9);
                if (k % 5 != 0) packet[8] = packet[9] = packet[10] = packet[11] = std::byte{1};
            }
            say(k % 2, packet);
        }
    });
    recorder->close(now);
    EXPECT_TRUE(recorder->error().empty()) << recorder->error();
    EXPECT_NEAR(seconds("mixed"), 3, 0.1);
    EXPECT_LT(seconds("caller"), 4.5);
}

/// As a killed writer leaves them: the files as they are now, half a page behind one of them.
class KilledRecording : public Recording {
  protected:
    void kill() {
        const auto saved = folder / "saved";
        fs::create_directory(saved);
        for (const auto& path : recorder->files()) fs::copy_file(path, saved / fs::path{path}.filename());
        recorder.reset();
        for (const auto& entry : fs::directory_iterator{saved})
            fs::rename(entry.path(), folder / entry.path().filename());
        std::ofstream{file("caller"), std::ios::app | std::ios::binary} << "OggS half a page";
    }
    void go_on(std::chrono::milliseconds later) {
        now += later;
        begin({.resumed = now});
    }
    void expect_whole(double length) {
        for (const auto* which : {"caller", "callee", "mixed"}) {
            EXPECT_NEAR(seconds(which), length, 0.1) << which;
            const auto complaints = test::output_of("opusinfo " + file(which) + " 2>&1");
            EXPECT_EQ(complaints.find("WARNING"), std::string::npos) << complaints;
        }
    }
    Hum caller{AudioCodec::opus, 111, 400, 1}, callee{AudioCodec::pcmu, 0, 700, 2};
    void talk(std::chrono::milliseconds time) {
        run(time, [&](int) { say(0, caller.next()), say(1, callee.next()); });
    }
};

TEST_F(KilledRecording, GoesOnInTheSameFilesAndLacksOnlyWhatNobodyHeard) {
    begin();
    talk(3s);
    kill();
    go_on(1400ms);
    talk(3s);
    recorder->close(now);
    expect_whole(7.4);
    for (const auto* which : {"caller", "mixed"}) {
        EXPECT_GT(loudness(which, 400, 0.5, 2), 0.1) << which;
        EXPECT_LT(loudness(which, 400, 3.4, 4.2), 0.05) << which;
        EXPECT_GT(loudness(which, 400, 5, 7), 0.1) << which;
    }
    for (const auto* which : {"callee", "mixed"}) {
        EXPECT_GT(loudness(which, 700, 0.5, 2), 0.1) << which;
        EXPECT_LT(loudness(which, 700, 3.4, 4.2), 0.05) << which;
        EXPECT_GT(loudness(which, 700, 5, 7), 0.1) << which;
    }
}

TEST_F(KilledRecording, ASecondDeathAndFilesThatWereClosedAreNoHindrance) {
    begin();
    talk(1s);
    recorder.reset();  // closed in order: the mark of the last page is there
    go_on(200ms);
    talk(1s);
    kill();
    go_on(300ms);
    talk(1s);
    recorder->close(now);
    expect_whole(3.5);
    EXPECT_GT(loudness("mixed", 400, 2.7, 3.4), 0.1);
}

TEST_F(KilledRecording, AFileThatIsGoneBeginsAnewWithTheSilenceBeforeIt) {
    begin();
    talk(1s);
    kill();
    fs::remove(file("mixed"));
    std::ofstream{file("callee"), std::ios::trunc} << "no recording";
    now += 200ms;
    const auto made = CallRecorder::create({.path = folder / "call", .resumed = now});
    EXPECT_FALSE(made) << "what is somebody else's is not written over";
    fs::remove(file("callee"));
    go_on(0ms);
    talk(1s);
    recorder->close(now);
    expect_whole(2.2);
}

}  // namespace
}  // namespace carillon::record
