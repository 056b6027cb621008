#include "relay/media/sound_sink.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "codecs/comfort_noise/comfort_noise.h"
#include "media/wav/wav.h"
#include "relay/media/opus_file.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLeastSound{300};  // with less nobody has spoken: no Ogg/Opus file remains
constexpr unsigned kQuiet = 45;           // -dBov: speech is far above, a quiet room below

bool is_opus(const std::string& file) { return file.ends_with(".opus") || file.ends_with(".ogg"); }

class Nothing final : public SoundSink {
  public:
    void take(const AudioReceiver::Heard&) override {}
};

/// What a recording is written as.
class SoundFile {
  public:
    virtual ~SoundFile() = default;
    virtual void payload(Bytes) {}
    /// False: it takes nothing more.
    virtual bool write(const AudioReceiver::Heard& heard, codecs::Samples samples) = 0;
    virtual bool close() = 0;
};

class WavFile final : public SoundFile {
  public:
    explicit WavFile(wav::Writer writer) : writer_{std::move(writer)} {}
    bool write(const AudioReceiver::Heard&, codecs::Samples samples) override {
        writer_.write(samples);
        return true;
    }
    bool close() override { return writer_.close(); }

  private:
    wav::Writer writer_;
};

class OggOpusFile final : public SoundFile {
  public:
    explicit OggOpusFile(OpusFile file) : file_{std::move(file)} {}
    void payload(Bytes packet) override { file_.payload(packet); }
    bool write(const AudioReceiver::Heard& heard, codecs::Samples samples) override {
        return file_.write(heard, samples);
    }
    bool close() override { return file_.close(); }

  private:
    OpusFile file_;
};

/// Owns: the file. What is quiet at its end stays: who listens hears that it was over.
class Recorder final : public SoundSink {
  public:
    Recorder(std::unique_ptr<SoundFile> file, const api::Sink& wanted, unsigned rate)
        : file_{std::move(file)}, wanted_{wanted}, silence_(rate / 50) {}
    ~Recorder() override { finish(); }

    void payload(Bytes packet) override {
        if (!ended_ && !finished_) file_->payload(packet);
    }
    void take(const AudioReceiver::Heard& heard) override {
        if (ended_ || finished_) return;
        const bool something = heard.kind != AudioReceiver::Heard::Kind::nothing;
        if (something || ticks_ > 0) {  // it begins with the first sound
            const auto samples = something ? heard.samples : codecs::Samples{silence_};
            if (!file_->write(heard, samples)) ended_ = "full";
            ++ticks_;
            const bool quiet = codecs::level_of(samples) > kQuiet;
            quiet ? ++quiet_ : quiet_ = 0;
            if (!quiet) ++loud_;
        } else {
            ++quiet_;
        }
        if (wanted_.longest.count() > 0 && length() >= wanted_.longest) ended_ = "longest";
        if (wanted_.silence.count() > 0 && quiet_ * kTick >= wanted_.silence) ended_ = "silence";
    }
    std::optional<std::string> ended() const override { return ended_; }
    milliseconds finish() override {
        if (std::exchange(finished_, true)) return length();
        if (!file_->close()) ended_ = "full";
        if (is_opus(wanted_.file) && sound() < kLeastSound) std::remove(wanted_.file.c_str());
        return length();
    }
    milliseconds sound() const override { return loud_ * kTick; }
    std::string file() const override { return wanted_.file; }

  private:
    static constexpr milliseconds kTick{20};
    milliseconds length() const { return ticks_ * kTick; }

    std::unique_ptr<SoundFile> file_;
    api::Sink wanted_;
    std::vector<std::int16_t> silence_;
    std::int64_t ticks_ = 0;
    std::int64_t quiet_ = 0;  // ticks in a row
    std::int64_t loud_ = 0;   // ticks in all
    bool finished_ = false;
    std::optional<std::string> ended_;
};

std::expected<std::unique_ptr<SoundFile>, std::string> make_file(const api::Sink& wanted, unsigned sample_rate) {
    if (is_opus(wanted.file)) {
        auto file = OpusFile::create(wanted.file, sample_rate, wanted.most_octets);
        if (!file) return std::unexpected{file.error()};
        return std::make_unique<OggOpusFile>(std::move(*file));
    }
    auto writer = wav::Writer::create(wanted.file, sample_rate);
    if (!writer) return std::unexpected{writer.error()};
    return std::make_unique<WavFile>(std::move(*writer));
}

}  // namespace

std::expected<std::unique_ptr<SoundSink>, std::string> make_sink(const api::Sink& wanted, unsigned sample_rate) {
    if (wanted.kind == api::Sink::Kind::nothing) return std::make_unique<Nothing>();
    auto file = make_file(wanted, sample_rate);
    if (!file) return std::unexpected{file.error()};
    return std::make_unique<Recorder>(std::move(*file), wanted, sample_rate);
}

}  // namespace carillon::relay
