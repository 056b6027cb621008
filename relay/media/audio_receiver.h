/// The sound of one end: packets in, 20 ms of samples out at each tick, whatever the network did to them.
/// Spec: RFC 3550 §6.4.1 (report blocks), RFC 3389 (comfort noise), RFC 4733 (events), RFC 6464 (audio level).
/// Not here: order and rhythm (media/jitter), making packets (audio_sender.h).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "codecs/audio_codec.h"
#include "codecs/comfort_noise/comfort_noise.h"
#include "config/base/clock.h"
#include "media/jitter/delay_keeper.h"
#include "media/jitter/jitter_buffer.h"
#include "media/rtp/rtp_stream.h"
#include "media/rtp/telephone_event.h"
#include "relay/api/program.h"

namespace carillon::relay {

using codecs::Samples;

/// The codec of a format; nullopt when it is none that is spoken here. L16 is mono.
std::optional<codecs::AudioCodec> codec_of(const api::AudioFormat& format);
unsigned sample_rate_of(const api::AudioFormat& format);
unsigned clock_rate_of(const api::AudioFormat& format);

/// Threading: one thread at a time.
class AudioReceiver {
  public:
    struct Heard {
        enum class Kind : std::uint8_t {
            nothing,  ///< no packet is there, and none is known to be lost: the end has not begun, or has stopped
            sound,
            pause,    ///< the end is silent on purpose; the samples are its comfort noise
            guessed,  ///< a packet was lost: concealed
        } kind = Kind::nothing;
        Samples samples;  ///< 20 ms; good until the next call
    };
    struct Event {
        rtp::TelephoneEvent event;
        std::uint32_t timestamp = 0;  ///< the same for all packets of one event
        bool begins = false;          ///< the first that is seen of it
    };
    using OnEvent = std::function<void(const Event& event)>;
    using OnPayload = std::function<void(Bytes payload)>;

    /// Throws std::runtime_error when there is no such codec. `opus_rate`: of the samples that Opus decodes to.
    explicit AudioReceiver(const api::AudioFormat& format, OnEvent on_event = {}, unsigned opus_rate = 48000);

    void on_rtp(Bytes packet, SteadyTime arrival);
    void on_rtcp(Bytes packet, SteadyTime arrival);
    Heard frame();
    /// From within frame(): each payload that is being decoded, in order.
    void on_payload(OnPayload tell) { on_payload_ = std::move(tell); }
    /// So much time has gone by without frame().
    void skip(std::size_t ticks);
    /// About what has come since the last one; nothing before the first packet.
    std::optional<rtp::ReportBlock> report(SteadyTime now);

    unsigned sample_rate() const { return rate_; }
    /// How long what is there would last if nothing came any more.
    std::chrono::milliseconds delay() const;
    std::uint64_t foreign() const { return foreign_; }  ///< packets of no agreed payload type

  private:
    bool takes(std::uint32_t ssrc, SteadyTime arrival);
    void begin(std::uint32_t ssrc);
    void on_event(const rtp::RtpPacket& packet);
    Heard::Kind produce(std::size_t samples);
    std::size_t play(const jitter::JitterBuffer::Playout& next, Heard::Kind& kind);
    void take(const jitter::JitterBuffer::Playout& next, Heard::Kind& kind);
    void append(std::size_t count);
    void shed();
    Heard::Kind run_dry();
    std::uint32_t ticks(std::size_t samples) const;

    api::AudioFormat format_;
    codecs::AudioCodec codec_;
    unsigned rate_, clock_;
    std::size_t frame_;
    OnEvent on_event_;
    OnPayload on_payload_;
    std::unique_ptr<codecs::Decoder> decoder_;
    codecs::ComfortNoise noise_;
    bool noisy_ = false;  // the end has described its silence
    jitter::JitterBuffer buffer_;
    rtp::RtpReceiver books_;
    std::optional<std::uint32_t> ssrc_;
    std::uint32_t stranger_ = 0;  // another SSRC that sends
    unsigned strange_packets_ = 0;
    SteadyTime last_packet_{};
    std::optional<std::uint32_t> event_timestamp_;
    std::vector<std::int16_t> room_;     // what one payload decodes to
    std::vector<std::int16_t> samples_;  // decoded, not played yet
    std::vector<std::int16_t> out_;
    jitter::DelayKeeper keeper_;
    unsigned looking_ = 0;            // ticks for which a good place to take the surplus out was looked for
    std::size_t packet_samples_ = 0;  // of the last packet
    unsigned dry_ = 0;                // ticks without anything to play
    std::uint64_t foreign_ = 0;
};

}  // namespace carillon::relay
