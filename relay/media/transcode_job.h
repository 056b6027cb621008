/// Speaks to each end in its own codec: what one says is decoded, brought to the other's sample rate, and encoded anew.
/// Spec: RFC 3550 §7 (as two ends: each leg has its own SSRCs and reports); RFC 4733 §2.5.2, §3 (events, tones);
/// docs/transcoding.md. Not here: receiving and sending (audio_receiver.h, audio_sender.h), who has which codec
/// (signaling).
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "codecs/resample/resampler.h"
#include "relay/media/audio_receiver.h"
#include "relay/media/audio_sender.h"
#include "relay/media/interlude.h"
#include "relay/media/lip_sync.h"

namespace carillon::relay {

class TranscodeJob final : public MediaJob {
  public:
    /// Does nothing until both formats are known.
    explicit TranscodeJob(const api::Program& program, std::shared_ptr<LipSync> lip = {},
                          Interlude::Sources sources = {}, const Continuation& before = {})
        : lip_{std::move(lip)}, before_{before} {
        set(program, std::move(sources));
    }
    /// Of the samples that leave for that leg's end.
    static unsigned rate_towards(const api::Program& program, std::size_t leg);

    void tick(MediaPort& port, SteadyTime now) override;
    void skip(std::size_t ticks) override;
    /// `sources`: what each leg's end hears in the place of the other, where the program says so.
    void set(const api::Program& program, Interlude::Sources sources = {});

  private:
    /// What one end says, on its way to the other.
    struct Direction {
        std::unique_ptr<AudioReceiver> receiver;
        std::unique_ptr<AudioSender> sender;  ///< to the other end
        std::unique_ptr<codecs::Resampler> resampler;
        std::vector<std::int16_t> waiting;  ///< resampled, not sent yet
        std::vector<std::int16_t> tones;    ///< of keys, for an end that takes no events
        std::vector<AudioReceiver::Event> events;
        unsigned event_rate = 8000;
        bool carries_events = false;
        unsigned muted = 0;  ///< ticks for which an event takes the place of sound
    };

    void on_event(Direction& way, const AudioReceiver::Event& event);
    void carry(std::size_t leg, MediaPort& port, SteadyTime now);
    void interrupt(Direction& way, Interlude& interlude, std::vector<std::int16_t>& frame);
    bool fill(Direction& way, const AudioReceiver::Heard& heard, std::vector<std::int16_t>& frame);

    std::shared_ptr<LipSync> lip_;  // null: there are no pictures
    Continuation before_;           // of the first senders
    api::AudioFormat a_, b_;
    std::array<Direction, 2> ways_;        // by the leg that speaks
    std::array<Interlude, 2> interludes_;  // by the leg that hears them
    std::vector<std::int16_t> frame_;
};

}  // namespace carillon::relay
