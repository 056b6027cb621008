#include "relay/media/sound_sink.h"

#include <utility>
#include <vector>

#include "codecs/comfort_noise/comfort_noise.h"
#include "media/wav/wav.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kQuiet = 45;  // -dBov: speech is far above, a quiet room below

class Nothing final : public SoundSink {
  public:
    void take(const AudioReceiver::Heard&) override {}
};

/// Owns: the file. What is quiet at its end stays: who listens hears that it was over.
class Recorder final : public SoundSink {
  public:
    Recorder(wav::Writer writer, const api::Sink& wanted, unsigned rate)
        : writer_{std::move(writer)}, wanted_{wanted}, silence_(rate / 50) {}
    ~Recorder() override { finish(); }

    void take(const AudioReceiver::Heard& heard) override {
        if (ended_ || finished_) return;
        const bool something = heard.kind != AudioReceiver::Heard::Kind::nothing;
        if (!something && ticks_ == 0) return;  // it begins with the first sound
        const auto samples = something ? heard.samples : codecs::Samples{silence_};
        writer_.write(samples);
        ++ticks_;
        quiet_ = codecs::level_of(samples) > kQuiet ? quiet_ + 1 : 0;
        if (wanted_.longest.count() > 0 && length() >= wanted_.longest) ended_ = "longest";
        if (wanted_.silence.count() > 0 && quiet_ * kMediaTickLength >= wanted_.silence) ended_ = "silence";
    }
    std::optional<std::string> ended() const override { return ended_; }
    milliseconds finish() override {
        if (!std::exchange(finished_, true) && !writer_.close()) ended_ = "full";
        return length();
    }
    std::string file() const override { return wanted_.file; }

  private:
    static constexpr milliseconds kMediaTickLength{20};
    milliseconds length() const { return ticks_ * kMediaTickLength; }

    wav::Writer writer_;
    api::Sink wanted_;
    std::vector<std::int16_t> silence_;
    std::int64_t ticks_ = 0;
    std::int64_t quiet_ = 0;  // ticks in a row
    bool finished_ = false;
    std::optional<std::string> ended_;
};

}  // namespace

std::expected<std::unique_ptr<SoundSink>, std::string> make_sink(const api::Sink& wanted, unsigned sample_rate) {
    if (wanted.kind == api::Sink::Kind::nothing) return std::make_unique<Nothing>();
    auto writer = wav::Writer::create(wanted.file, sample_rate);
    if (!writer) return std::unexpected{writer.error()};
    return std::make_unique<Recorder>(std::move(*writer), wanted, sample_rate);
}

}  // namespace carillon::relay
