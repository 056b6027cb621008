#include "relay/media/endpoint_job.h"

#include <algorithm>

namespace carillon::relay {
namespace {

constexpr unsigned kDetectorRate = 8000;
constexpr std::size_t kMostEvents = 16;  // packets of events in one tick

}  // namespace

EndpointJob::EndpointJob(const api::AudioFormat& format, std::unique_ptr<SoundSource> source,
                         std::unique_ptr<SoundSink> sink, bool echo_events, Tell tell)
    : format_{format},
      tell_{std::move(tell)},
      echo_events_{echo_events},
      receiver_{format, [this](const AudioReceiver::Event& event) { on_event(event); }},
      sender_{format, 0},
      source_{std::move(source)},
      sink_{std::move(sink)},
      frame_(receiver_.sample_rate() / 50) {
    if (codec_of(format) == codecs::AudioCodec::opus)
        receiver_.on_payload([this](Bytes payload) { sink_->payload(payload); });
    if (format.telephone_event) return;
    detector_ = std::make_unique<codecs::DtmfDetector>();
    if (receiver_.sample_rate() != kDetectorRate)
        to_detector_ = std::make_unique<codecs::Resampler>(receiver_.sample_rate(), kDetectorRate);
}

EndpointJob::~EndpointJob() {
    if (!sink_told_ && !sink_->file().empty()) finish_sink("closed");
}

void EndpointJob::change(std::unique_ptr<SoundSource> source, std::unique_ptr<SoundSink> sink, bool echo_events) {
    if (!sink_told_ && !sink_->file().empty()) finish_sink("replaced");
    source_ = std::move(source);
    sink_ = std::move(sink);
    echo_events_ = echo_events;
    source_told_ = sink_told_ = false;
}

void EndpointJob::on_event(const AudioReceiver::Event& event) {
    if (event.begins)
        if (const auto digit = rtp::digit_of(event.event.event)) tell_digit(*digit);
    if (echo_events_ && events_.size() < kMostEvents) events_.push_back(event);
}

void EndpointJob::tell_digit(char digit) {
    tell_({.kind = api::ProgramEvent::Kind::digit, .digit = std::string(1, digit), .reason = {}, .file = {}});
}

void EndpointJob::listen_for_tones(codecs::Samples samples) {
    if (!detector_) return;
    const auto sound = to_detector_ ? to_detector_->process(samples) : std::vector<std::int16_t>{};
    for (const char digit : detector_->process(to_detector_ ? codecs::Samples{sound} : samples)) tell_digit(digit);
}

void EndpointJob::finish_sink(std::string reason) {
    sink_told_ = true;
    const auto length = sink_->finish();
    if (sink_->ended() == "full") reason = "full";
    tell_({.kind = api::ProgramEvent::Kind::sink_ended,
           .digit = {},
           .reason = std::move(reason),
           .file = sink_->file(),
           .duration = length,
           .sound = sink_->sound()});
}

void EndpointJob::tick(MediaPort& port, SteadyTime now) {
    events_.clear();
    port.take(0, [this](Bytes packet, bool rtcp, SteadyTime arrival) {
        if (!rtcp) return receiver_.on_rtp(packet, arrival);
        receiver_.on_rtcp(packet, arrival);
        sender_.on_rtcp(packet);
    });
    const auto heard = receiver_.frame();
    if (heard.kind == AudioReceiver::Heard::Kind::sound) listen_for_tones(heard.samples);
    sink_->take(heard);
    if (const auto why = sink_->ended(); why && !sink_told_) finish_sink(*why);
    for (const auto& event : events_) sender_.event(event.event, event.begins, format_.telephone_event_rate, port, now);
    std::ranges::fill(frame_, std::int16_t{0});
    // Before there is a way to the end, what a recording says would be said to nobody.
    const bool waits = source_->waits_for_listener() && !port.flows(0);
    if (waits || source_->next(frame_, heard)) {
        sender_.sound(frame_, port, now);
    } else {
        sender_.nothing();
    }
    if (source_->ended() && !source_told_) {
        source_told_ = true;
        tell_({.kind = api::ProgramEvent::Kind::source_ended, .digit = {}, .reason = {}, .file = {}});
    }
    sender_.report_when_due(now, port, [&] { return receiver_.report(now); });
}

void EndpointJob::skip(std::size_t ticks) {
    receiver_.skip(ticks);
    sender_.nothing(ticks);
}

}  // namespace carillon::relay
