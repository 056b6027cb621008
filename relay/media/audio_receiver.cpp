#include "relay/media/audio_receiver.h"

#include <algorithm>
#include <stdexcept>

#include "codecs/stretch/shorten.h"
#include "relay/media/media_job.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStart = jitter::DelayLimits{}.start;
constexpr milliseconds kMaximum{400};
constexpr std::size_t kPackets = 64;
constexpr milliseconds kLongestPacket{120};  // RFC 6716 §2.1.4
constexpr unsigned kLookTicks = 50;          // a second: then the surplus goes wherever it is
constexpr double kSeamless = 0.9;            // how alike the ends of a cut are that is not heard
constexpr unsigned kStrangePackets = 3;
constexpr milliseconds kGone{200};
constexpr unsigned kConcealTicks = 3;  // 60 ms; then there is nothing

}  // namespace

std::optional<codecs::AudioCodec> codec_of(const api::AudioFormat& format) {
    const auto codec = codecs::codec_named(format.codec);
    if (!codec || *codec != codecs::AudioCodec::l16 || format.clock_rate == 0) return codec;
    const bool whole = format.clock_rate % 50 == 0 && format.clock_rate >= 8000 && format.clock_rate <= 48000;
    return whole ? codec : std::nullopt;
}
unsigned sample_rate_of(const api::AudioFormat& format) {
    const auto codec = codec_of(format).value_or(codecs::AudioCodec::pcmu);
    if (codec == codecs::AudioCodec::l16 && format.clock_rate != 0) return format.clock_rate;
    return codecs::format_of(codec).sample_rate;
}
unsigned clock_rate_of(const api::AudioFormat& format) {
    const auto codec = codec_of(format).value_or(codecs::AudioCodec::pcmu);
    if (codec == codecs::AudioCodec::l16 && format.clock_rate != 0) return format.clock_rate;
    return codecs::format_of(codec).clock_rate;
}

AudioReceiver::AudioReceiver(const api::AudioFormat& format, OnEvent on_event, unsigned opus_rate)
    : format_{format},
      codec_{codec_of(format) ? *codec_of(format) : throw std::runtime_error{"no codec " + format.codec}},
      rate_{codec_ == codecs::AudioCodec::opus ? opus_rate : sample_rate_of(format)},
      clock_{clock_rate_of(format)},
      frame_{rate_ / 50},
      on_event_{std::move(on_event)},
      decoder_{codecs::make_decoder(codec_, {.sample_rate = rate_})},
      buffer_{clock_, {.target = kStart, .maximum = kMaximum, .packets = kPackets}},
      books_{clock_},
      room_(static_cast<std::size_t>(rate_ / 1000 * kLongestPacket.count() + 200)) {}

std::uint32_t AudioReceiver::ticks(std::size_t samples) const {
    return static_cast<std::uint32_t>(samples * clock_ / rate_);  // G.722's clock is half its sample rate
}

/// One source at a time: another is taken when the first has gone, or when it keeps coming.
bool AudioReceiver::takes(std::uint32_t ssrc, SteadyTime arrival) {
    if (ssrc_ == ssrc) {
        strange_packets_ = 0;
        return true;
    }
    if (ssrc_) {
        strange_packets_ = stranger_ == ssrc ? strange_packets_ + 1 : 1;
        stranger_ = ssrc;
        if (strange_packets_ < kStrangePackets && arrival - last_packet_ < kGone) return false;
    }
    begin(ssrc);
    return true;
}

void AudioReceiver::begin(std::uint32_t ssrc) {
    if (ssrc_) {
        keeper_ = jitter::DelayKeeper{};
        buffer_ = jitter::JitterBuffer{clock_, {.target = keeper_.target(), .maximum = kMaximum, .packets = kPackets}};
    }
    ssrc_ = ssrc;
    strange_packets_ = 0;
    event_timestamp_.reset();
}

void AudioReceiver::on_rtp(Bytes packet, SteadyTime arrival) {
    const auto parsed = rtp::parse_rtp(packet);
    if (!parsed || !takes(parsed->header.ssrc, arrival)) return;
    last_packet_ = arrival;
    books_.on_packet(*parsed, arrival);
    const auto type = parsed->header.payload_type;
    if (type == format_.telephone_event) return on_event(*parsed);
    if (type != format_.payload_type && type != format_.comfort_noise) {
        ++foreign_;
        return;
    }
    if (parsed->payload.empty()) return;
    buffer_.push(parsed->header.sequence.value, parsed->header.timestamp, type, parsed->payload);
}

void AudioReceiver::on_rtcp(Bytes packet, SteadyTime arrival) {
    const auto summary = rtp::RtcpSummary::parse(packet);
    if (summary && summary->sender_report_mid_ntp && summary->sender_ssrc == ssrc_)
        books_.on_sender_report(*summary->sender_report_mid_ntp, arrival);
}

/// RFC 4733 §2.5.1.2: all packets of one event bear the timestamp of its beginning; a late one of the event before is
/// no news.
void AudioReceiver::on_event(const rtp::RtpPacket& packet) {
    const auto event = rtp::TelephoneEvent::parse(packet.payload);
    if (!event || !on_event_) return;
    const auto at = packet.header.timestamp;
    if (event_timestamp_ && static_cast<std::int32_t>(at - *event_timestamp_) < 0) return;
    const bool begins = event_timestamp_ != at;
    event_timestamp_ = at;
    on_event_({*event, at, begins});
}

std::optional<rtp::ReportBlock> AudioReceiver::report(SteadyTime now) {
    if (!books_.started()) return std::nullopt;
    return books_.report(now);
}

void AudioReceiver::append(std::size_t count) {
    samples_.insert(samples_.end(), room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(count));
}

/// Decodes what is due into `room_`; answers how many samples.
std::size_t AudioReceiver::play(const jitter::JitterBuffer::Playout& next, Heard::Kind& kind) {
    using State = jitter::JitterBuffer::State;
    const auto out = std::span{room_};
    if (next.state == State::frame && next.payload_type == format_.payload_type) {
        kind = Heard::Kind::sound;
        noisy_ = false;
        if (const auto samples = decoder_->decode(next.payload, out); samples > 0) {
            if (on_payload_) on_payload_(next.payload);
            return samples;
        }
        kind = Heard::Kind::guessed;  // not of this codec: as good as lost
        decoder_->conceal(out.first(frame_));
        return frame_;
    }
    if (next.state == State::frame) {
        if (const auto described = codecs::NoiseDescription::parse(next.payload)) noise_.describe(*described);
        noisy_ = true;
    }
    kind = next.state == State::missing ? Heard::Kind::guessed : Heard::Kind::pause;
    if (noisy_) {
        noise_.make(out.first(frame_));
        kind = Heard::Kind::pause;
    } else if (next.state == State::missing &&
               decoder_->recover(buffer_.following(ticks(frame_)), out.first(frame_)) == frame_) {
        kind = Heard::Kind::sound;  // the packet behind it says what was in it
    } else if (next.state == State::missing || codec_ == codecs::AudioCodec::opus) {
        decoder_->conceal(out.first(frame_));  // libopus makes the comfort noise of a pause itself
    } else {
        std::ranges::fill(out.first(frame_), std::int16_t{0});
    }
    return frame_;
}

/// Where the last sound ends in nothing it fades; time of the stream stands still meanwhile.
AudioReceiver::Heard::Kind AudioReceiver::run_dry() {
    buffer_.waited(ticks(frame_));
    if (!books_.started() || ++dry_ > kConcealTicks) {
        samples_.clear();
        return Heard::Kind::nothing;
    }
    decoder_->conceal(std::span{room_}.first(frame_));
    append(frame_);
    return Heard::Kind::guessed;
}

AudioReceiver::Heard::Kind AudioReceiver::produce(std::size_t samples) {
    auto kind = samples_.empty() ? Heard::Kind::nothing : Heard::Kind::sound;
    while (samples_.size() < samples) {
        const auto next = buffer_.pop();
        if (next.state == jitter::JitterBuffer::State::waiting) return run_dry();
        dry_ = 0;
        if (next.late > 0) {
            keeper_.ran_dry(milliseconds{next.late * 1000 / clock_});
            buffer_.retarget(keeper_.target());
        }
        take(next, kind);
    }
    return kind;
}

void AudioReceiver::take(const jitter::JitterBuffer::Playout& next, Heard::Kind& kind) {
    const auto made = play(next, kind);
    if (next.state == jitter::JitterBuffer::State::frame) packet_samples_ = made;
    buffer_.played(ticks(made));
    append(made);
}

AudioReceiver::Heard AudioReceiver::frame() {
    const auto kind = produce(frame_);
    if (kind == Heard::Kind::nothing) return {};
    if (keeper_.surplus() > milliseconds{0}) shed();
    const auto end = samples_.begin() + static_cast<std::ptrdiff_t>(std::min(frame_, samples_.size()));
    out_.assign(samples_.begin(), end);
    out_.resize(frame_);
    samples_.erase(samples_.begin(), end);
    if (kind == Heard::Kind::sound) keeper_.played(kMediaTick, delay());
    return {kind, out_};
}

milliseconds AudioReceiver::delay() const {
    const auto last = buffer_.empty() ? 0 : packet_samples_;
    return buffer_.depth() + milliseconds{(samples_.size() + last) * 1000 / rate_};
}

/// A sender whose clock runs faster than ours, or a network that has become calm: the delay that is not needed is taken
/// out of the sound where that is not heard, or after a second where it is heard least.
void AudioReceiver::shed() {
    auto kind = Heard::Kind::sound;
    while (samples_.size() < 2 * frame_ && buffer_.ready()) take(buffer_.pop(), kind);
    if (samples_.size() < 2 * frame_) return;
    const auto most = static_cast<std::size_t>(keeper_.surplus().count()) * rate_ / 1000;
    const bool patient = ++looking_ < kLookTicks;
    const auto done =
        codecs::shorten(std::span{samples_}.first(2 * frame_), std::min(most, frame_), rate_, patient ? kSeamless : -1);
    if (done.removed == 0) return;
    const auto rest = samples_.begin() + static_cast<std::ptrdiff_t>(2 * frame_);
    samples_.erase(rest - static_cast<std::ptrdiff_t>(done.removed), rest);
    keeper_.gave_back(milliseconds{done.removed * 1000 / rate_});
    buffer_.retarget(keeper_.target());
    looking_ = 0;
}

void AudioReceiver::skip(std::size_t ticks) {
    for (std::size_t i = 0; i < std::min<std::size_t>(ticks, 50); ++i) frame();
}

}  // namespace carillon::relay
