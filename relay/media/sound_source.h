/// What an end hears of a program, 20 ms at a time.
/// Not here: reading files (sound_library.h).
#pragma once
#include <memory>
#include <vector>

#include "relay/media/audio_receiver.h"
#include "relay/media/sound_library.h"

namespace carillon::relay {

/// Threading: the media thread's.
class SoundSource {
  public:
    virtual ~SoundSource() = default;
    /// Fills `frame`, zeros before; `heard` is what the end says meanwhile. False: there is nothing to say.
    virtual bool next(std::span<std::int16_t> frame, const AudioReceiver::Heard& heard) = 0;
    virtual bool ended() const { return false; }
    /// Whether its first sample is for an end that can hear it.
    virtual bool waits_for_listener() const { return false; }
};

/// Silence that is sent: the far end knows that somebody is there.
class Silence final : public SoundSource {
  public:
    bool next(std::span<std::int16_t>, const AudioReceiver::Heard&) override { return true; }
};

/// What the end says comes back.
class Echo final : public SoundSource {
  public:
    bool next(std::span<std::int16_t> frame, const AudioReceiver::Heard& heard) override;
};

/// One recording after the other, then silence.
class Player final : public SoundSource {
  public:
    Player(std::vector<Recording> recordings, bool loop) : recordings_{std::move(recordings)}, loop_{loop} {}
    bool next(std::span<std::int16_t> frame, const AudioReceiver::Heard& heard) override;
    bool ended() const override { return at_ >= recordings_.size(); }
    bool waits_for_listener() const override { return true; }

  private:
    std::vector<Recording> recordings_;
    bool loop_;
    std::size_t at_ = 0;
    std::size_t position_ = 0;
};

/// The source a program asks for, at that sample rate; the error is a sentence. Threading: the control thread.
std::expected<std::unique_ptr<SoundSource>, std::string> make_source(const api::Source& wanted, unsigned sample_rate,
                                                                     SoundLibrary& library);

}  // namespace carillon::relay
