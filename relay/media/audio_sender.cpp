#include "relay/media/audio_sender.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "codecs/comfort_noise/comfort_noise.h"
#include "relay/media/audio_receiver.h"
#include "relay/media/lip_sync.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

/// The first ones soon: a round trip is known, and a far end that waits for a report begins.
constexpr std::array<milliseconds, 3> kFirstReports{milliseconds{500}, milliseconds{1000}, milliseconds{1500}};
constexpr milliseconds kReports{5000};  // §6.2: the minimum
constexpr unsigned kMostBits = 64'000;  // of one voice
constexpr int kComplexity = 5;          // Opus: twice as many calls a core as with 9, and hardly to be heard
constexpr double kForgets = 0.7;        // what is left of a loss with each report that has less
constexpr std::uint8_t kVoice = 0x80;
constexpr unsigned kVoiceLevel = 50;  // -dBov: what is louder counts as voice

codecs::AudioCodec codec_or_throw(const api::AudioFormat& format) {
    const auto codec = codec_of(format);
    if (!codec) throw std::runtime_error{"no codec " + format.codec};
    return *codec;
}

std::unique_ptr<codecs::Encoder> make_encoder(const api::AudioFormat& format, unsigned rate,
                                              codecs::opus::OpusEncoder*& opus) {
    const auto codec = codec_or_throw(format);
    if (codec != codecs::AudioCodec::opus) return codecs::make_encoder(codec);
    auto made = std::make_unique<codecs::opus::OpusEncoder>(codecs::CodecOptions{
        .sample_rate = rate, .bitrate = std::min(format.bitrate, kMostBits), .complexity = kComplexity});
    made->expect_loss(0);  // until somebody tells of some
    opus = made.get();
    return made;
}

}  // namespace

AudioSender::AudioSender(const api::AudioFormat& format, std::size_t leg, unsigned opus_rate, std::string cname,
                         const std::optional<StreamPoint>& before)
    : format_{format},
      leg_{leg},
      rate_{codec_or_throw(format) == codecs::AudioCodec::opus ? opus_rate : sample_rate_of(format)},
      ticks_{clock_rate_of(format) / 50},
      encoder_{make_encoder(format, rate_, opus_)},
      sender_{sender_after(before, clock_rate_of(format))},
      cname_{cname.empty() ? random_cname() : std::move(cname)} {}

void AudioSender::sound(codecs::Samples frame, MediaPort& port, SteadyTime now) {
    const auto size = encoder_->encode(frame, std::span{payload_}.first(kRoom - 64));
    if (size > 0) {
        const auto level = format_.audio_level != 0 ? codecs::level_of(frame) : 0;
        const auto voice = level < kVoiceLevel ? kVoice : std::uint8_t{0};
        const auto written = sender_.write(packet_, {.payload_type = format_.payload_type,
                                                     .marker = paused_,
                                                     .timestamp = sender_.timestamp(),
                                                     .payload = Bytes{payload_}.first(size),
                                                     .audio_level_id = format_.audio_level,
                                                     .audio_level = static_cast<std::uint8_t>(voice | level)});
        port.emit(leg_, Bytes{packet_}.first(written), false, now);
        paused_ = false;
    }
    sender_.pass(ticks_);
}

void AudioSender::on_rtcp(Bytes packet) {
    if (!opus_) return;
    const auto summary = rtp::RtcpSummary::parse(packet);
    if (summary && summary->first_report && summary->first_report->ssrc == sender_.ssrc())
        loses(summary->first_report->fraction_lost / 256.0);
}

void AudioSender::loses(double share) {
    if (!opus_) return;
    loss_ = std::max(share, loss_ * kForgets);
    opus_->expect_loss(loss_);
}

void AudioSender::nothing(std::size_t ticks) {
    sender_.pass(static_cast<std::uint32_t>(ticks) * ticks_);
    paused_ = true;
}

void AudioSender::event(rtp::TelephoneEvent event, bool begins, unsigned clock_rate, MediaPort& port, SteadyTime now) {
    if (!format_.telephone_event || clock_rate == 0) return;
    if (begins) event_at_ = sender_.timestamp();
    const auto duration = std::uint64_t{event.duration} * format_.telephone_event_rate / clock_rate;
    event.duration = static_cast<std::uint16_t>(std::min<std::uint64_t>(duration, 0xFFFF));
    const auto payload = event.serialize();
    const auto written = sender_.write(
        packet_,
        {.payload_type = *format_.telephone_event, .marker = begins, .timestamp = event_at_, .payload = payload});
    port.emit(leg_, Bytes{packet_}.first(written), false, now);
}

void AudioSender::send_report(SteadyTime now, MediaPort& port, const std::optional<rtp::ReportBlock>& about) {
    const bool first = next_report_ == SteadyTime{};
    next_report_ = now + (reports_ < kFirstReports.size() ? kFirstReports[reports_] : kReports);
    ++reports_;
    if (about) loses(about->fraction_lost / 256.0);  // who reports nothing himself mostly loses both ways
    if (first || (sender_.packets() == 0 && !about)) return;
    const auto packet = rtp::compose_rtcp(sender_, about, cname_, false);
    port.emit(leg_, packet, true, now);
}

}  // namespace carillon::relay
