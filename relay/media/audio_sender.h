/// What one end is sent: 20 ms of samples in, packets out, with numbering, clock and reports of the relay's own.
/// Spec: RFC 3550 §5.1, §6.2 (intervals), §6.4; RFC 3551 §4.1 (marker); RFC 4733 §2.5; RFC 6464; RFC 7022 (CNAME).
/// Not here: sealing and sending (the shard's).
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "codecs/audio_codec.h"
#include "codecs/opus/opus_codec.h"
#include "media/rtp/rtp_stream.h"
#include "media/rtp/telephone_event.h"
#include "relay/api/program.h"
#include "relay/media/continuation.h"
#include "relay/media/media_job.h"

namespace carillon::relay {

/// Threading: one thread at a time.
class AudioSender {
  public:
    /// Throws std::runtime_error when there is no such codec. `leg`: whose end it speaks to; `cname`: empty for one of
    /// its own; `before`: where a predecessor stood.
    AudioSender(const api::AudioFormat& format, std::size_t leg, unsigned opus_rate = 48000, std::string cname = {},
                const std::optional<StreamPoint>& before = {});

    /// Once in each tick: 20 ms at sample_rate(), or nothing to say.
    void sound(codecs::Samples frame, MediaPort& port, SteadyTime now);
    void nothing(std::size_t ticks = 1);
    /// A packet of an event, its duration in units of `clock_rate`.
    void event(rtp::TelephoneEvent event, bool begins, unsigned clock_rate, MediaPort& port, SteadyTime now);
    /// Sender and receiver reports, when it is time.
    template <class Report>
    void report_when_due(SteadyTime now, MediaPort& port, Report about) {
        if (now < next_report_) return;
        send_report(now, port, about());
    }
    /// From that end: what it says of what it hears decides how much is done about losses (RFC 7587 §3.3).
    void on_rtcp(Bytes packet);
    unsigned sample_rate() const { return rate_; }
    std::uint32_t ssrc() const { return sender_.ssrc(); }

  private:
    void loses(double share);
    void send_report(SteadyTime now, MediaPort& port, const std::optional<rtp::ReportBlock>& about);

    static constexpr std::size_t kRoom = 2000;
    api::AudioFormat format_;
    std::size_t leg_;
    unsigned rate_;
    std::uint32_t ticks_;                        // of the RTP clock in 20 ms
    codecs::opus::OpusEncoder* opus_ = nullptr;  // encoder_, where it is that
    std::unique_ptr<codecs::Encoder> encoder_;
    double loss_ = 0;  // of late, the highest counts most
    rtp::RtpSender sender_;
    std::string cname_;
    bool paused_ = true;  // the next packet begins a talkspurt
    std::uint32_t event_at_ = 0;
    SteadyTime next_report_{};
    unsigned reports_ = 0;
    std::array<std::byte, kRoom> payload_{};
    std::array<std::byte, kRoom> packet_{};
};

}  // namespace carillon::relay
