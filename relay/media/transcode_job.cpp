#include "relay/media/transcode_job.h"

#include <algorithm>
#include <utility>

#include "codecs/tones/dtmf.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kToneRate = 8000;
constexpr milliseconds kTone{100};
constexpr std::size_t kMostEvents = 16;    // packets of events in one tick
constexpr std::size_t kMostTones = 48000;  // samples that wait to be heard
constexpr unsigned kMuted = 3;             // ticks after a packet of an event; senders repeat it each 20 to 50 ms

bool opus_knows(unsigned rate) {
    return rate == 8000 || rate == 12000 || rate == 16000 || rate == 24000 || rate == 48000;
}

/// At which rate Opus works: as wished; else where the other end knows no more of the sound, more would be for nothing.
unsigned opus_rate_for(const api::AudioFormat& opus, const api::AudioFormat& other) {
    if (opus_knows(opus.clock_rate)) return opus.clock_rate;
    const auto rate = sample_rate_of(other);
    return opus_knows(rate) ? rate : 48000;
}

}  // namespace

unsigned TranscodeJob::rate_towards(const api::Program& program, std::size_t leg) {
    const auto& to = leg == 0 ? program.a : program.b;
    return codec_of(to) == codecs::AudioCodec::opus ? opus_rate_for(to, leg == 0 ? program.b : program.a)
                                                    : sample_rate_of(to);
}

void TranscodeJob::set(const api::Program& program, Interlude::Sources sources) {
    for (std::size_t leg = 0; leg < 2; ++leg) interludes_[leg].set(program.instead[leg], std::move(sources[leg]));
    if (program.a == a_ && program.b == b_) return;
    a_ = program.a;
    b_ = program.b;
    ways_ = {};
    if (a_.codec.empty() || b_.codec.empty()) return;
    const std::array formats{&a_, &b_};
    for (std::size_t leg = 0; leg < 2; ++leg) {
        auto& way = ways_[leg];
        const auto& from = *formats[leg];
        const auto& to = *formats[1 - leg];
        way.receiver = std::make_unique<AudioReceiver>(
            from, [this, &way](const AudioReceiver::Event& event) { on_event(way, event); }, opus_rate_for(from, to));
        way.sender = std::make_unique<AudioSender>(to, 1 - leg, opus_rate_for(to, from),
                                                   lip_ ? lip_->cname[1 - leg] : std::string{},
                                                   std::exchange(before_.sound[1 - leg], {}));
        way.event_rate = from.telephone_event_rate;
        way.carries_events = to.telephone_event.has_value();
        const auto in = way.receiver->sample_rate();
        const auto out = way.sender->sample_rate();
        if (in == out) continue;
        way.resampler = std::make_unique<codecs::Resampler>(in, out);
        way.waiting.assign(out / 500, 0);  // 2 ms: a frame that comes out a sample short leaves no hole
    }
}

void TranscodeJob::on_event(Direction& way, const AudioReceiver::Event& event) {
    if (way.carries_events) {
        way.muted = event.event.end ? 0 : kMuted;
        if (way.events.size() < kMostEvents) way.events.push_back(event);
        return;
    }
    const auto digit = event.begins ? rtp::digit_of(event.event.event) : std::nullopt;
    if (!digit || way.tones.size() > kMostTones) return;
    const auto tone = codecs::dtmf_tones(std::string_view{&*digit, 1}, kTone, kTone);
    const auto fitting = codecs::resample(tone, kToneRate, way.sender->sample_rate());
    way.tones.insert(way.tones.end(), fitting.begin(), fitting.end());
}

void TranscodeJob::tick(MediaPort& port, SteadyTime now) {
    for (std::size_t leg = 0; leg < 2; ++leg) {
        auto& way = ways_[leg];
        way.events.clear();
        port.take(leg, [&](Bytes packet, bool rtcp, SteadyTime arrival) {
            if (!way.receiver) return;
            if (!rtcp) return way.receiver->on_rtp(packet, arrival);
            way.receiver->on_rtcp(packet, arrival);
            ways_[1 - leg].sender->on_rtcp(packet);
        });
    }
    if (!ways_[0].receiver) return;
    for (std::size_t leg = 0; leg < 2; ++leg) carry(leg, port, now);
    for (std::size_t leg = 0; leg < 2 && lip_; ++leg)
        lip_->sound_held[leg].store(static_cast<std::int32_t>(ways_[leg].receiver->delay().count()),
                                    std::memory_order_relaxed);
    // To each end is reported by who sends to it, about what comes from it.
    for (std::size_t leg = 0; leg < 2; ++leg)
        ways_[1 - leg].sender->report_when_due(now, port, [&] { return ways_[leg].receiver->report(now); });
}

/// What that leg's end says, to the other.
void TranscodeJob::carry(std::size_t leg, MediaPort& port, SteadyTime now) {
    auto& way = ways_[leg];
    auto& interlude = interludes_[1 - leg];
    const auto heard = way.receiver->frame();
    for (const auto& event : way.events) way.sender->event(event.event, event.begins, way.event_rate, port, now);
    const bool sound = interlude.plays() || fill(way, heard, frame_);
    if (interlude.plays()) interrupt(way, interlude, frame_);
    // An event takes the place of the sound, so that no key is heard twice.
    if (way.muted > 0) --way.muted;
    if (sound && way.muted == 0 && way.events.empty()) {
        way.sender->sound(frame_, port, now);
    } else {
        way.sender->nothing();
    }
}

/// What the end has said last is not heard when it is its turn again.
void TranscodeJob::interrupt(Direction& way, Interlude& interlude, std::vector<std::int16_t>& frame) {
    frame.assign(way.sender->sample_rate() / 50, 0);
    interlude.fill(frame);
    way.tones.clear();
    if (way.resampler) way.waiting.assign(way.sender->sample_rate() / 500, 0);
}

/// 20 ms at the rate of who sends; false: there is nothing to say.
bool TranscodeJob::fill(Direction& way, const AudioReceiver::Heard& heard, std::vector<std::int16_t>& frame) {
    const std::size_t wanted = way.sender->sample_rate() / 50;
    const bool silent = heard.kind == AudioReceiver::Heard::Kind::nothing;
    if (silent && way.tones.empty()) return false;
    frame.assign(wanted, 0);
    if (!silent && !way.resampler) {
        std::ranges::copy(heard.samples.first(std::min(wanted, heard.samples.size())), frame.begin());
    } else if (!silent) {
        const auto fresh = way.resampler->process(heard.samples);
        way.waiting.insert(way.waiting.end(), fresh.begin(), fresh.end());
        const auto count = std::min(wanted, way.waiting.size());
        std::copy_n(way.waiting.begin(), count, frame.begin());
        way.waiting.erase(way.waiting.begin(), way.waiting.begin() + static_cast<std::ptrdiff_t>(count));
    }
    const auto count = std::min(wanted, way.tones.size());
    std::copy_n(way.tones.begin(), count, frame.begin());
    way.tones.erase(way.tones.begin(), way.tones.begin() + static_cast<std::ptrdiff_t>(count));
    return true;
}

void TranscodeJob::skip(std::size_t ticks) {
    for (auto& way : ways_) {
        if (!way.receiver) continue;
        way.receiver->skip(ticks);
        way.sender->nothing(ticks);
    }
}

}  // namespace carillon::relay
