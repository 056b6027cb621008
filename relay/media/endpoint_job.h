/// Answers one end in place of another: what it hears comes from a source, what it says goes to a sink.
/// Spec: docs/endpoints.md.
/// Not here: sources and sinks (sound_source.h, sound_sink.h), when to change them (signaling).
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "codecs/resample/resampler.h"
#include "codecs/tones/dtmf.h"
#include "relay/media/audio_receiver.h"
#include "relay/media/audio_sender.h"
#include "relay/media/sound_sink.h"
#include "relay/media/sound_source.h"

namespace carillon::relay {

class EndpointJob final : public MediaJob {
  public:
    /// `echo_events`: keys that are pressed come back as they were.
    EndpointJob(const api::AudioFormat& format, std::unique_ptr<SoundSource> source, std::unique_ptr<SoundSink> sink,
                bool echo_events, Tell tell);
    ~EndpointJob() override;

    void tick(MediaPort& port, SteadyTime now) override;
    void skip(std::size_t ticks) override;
    void change(std::unique_ptr<SoundSource> source, std::unique_ptr<SoundSink> sink, bool echo_events);

  private:
    void on_event(const AudioReceiver::Event& event);
    void listen_for_tones(codecs::Samples samples);
    void tell_digit(char digit);
    void finish_sink(std::string reason);

    api::AudioFormat format_;
    Tell tell_;
    bool echo_events_;
    std::vector<AudioReceiver::Event> events_;  // of this tick
    AudioReceiver receiver_;
    AudioSender sender_;
    std::unique_ptr<SoundSource> source_;
    std::unique_ptr<SoundSink> sink_;
    bool source_told_ = false;
    bool sink_told_ = false;
    std::unique_ptr<codecs::DtmfDetector> detector_;  // only without events
    std::unique_ptr<codecs::Resampler> to_detector_;
    std::vector<std::int16_t> frame_;
};

}  // namespace carillon::relay
