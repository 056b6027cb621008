/// Media programs to protobuf and back.
#include "relay/api/convert.h"

namespace carillon::relay::api {

Clip from_proto(const proto::Clip& clip) {
    return {.file = clip.file(),
            .tone_hz = clip.tone_hz(),
            .duration = std::chrono::milliseconds{clip.duration_ms()},
            .sound = clip.sound(),
            .pipeline = clip.pipeline()};
}

void to_proto(const Clip& clip, proto::Clip& out) {
    out.set_file(clip.file);
    out.set_tone_hz(clip.tone_hz);
    out.set_duration_ms(static_cast<std::uint32_t>(clip.duration.count()));
    if (!clip.sound.empty()) out.set_sound(clip.sound);
    if (!clip.pipeline.empty()) out.set_pipeline(clip.pipeline);
}

namespace {

AudioFormat from_proto(const proto::AudioFormat& format) {
    AudioFormat out{.codec = format.codec(),
                    .payload_type = static_cast<std::uint8_t>(format.payload_type()),
                    .clock_rate = format.clock_rate(),
                    .telephone_event_rate = format.telephone_event_rate(),
                    .audio_level = static_cast<std::uint8_t>(format.audio_level()),
                    .bitrate = format.bitrate(),
                    .dtx = format.dtx()};
    if (format.has_telephone_event()) out.telephone_event = static_cast<std::uint8_t>(format.telephone_event());
    if (format.has_comfort_noise()) out.comfort_noise = static_cast<std::uint8_t>(format.comfort_noise());
    return out;
}

void to_proto(const AudioFormat& format, proto::AudioFormat& out) {
    out.set_codec(format.codec);
    out.set_payload_type(format.payload_type);
    out.set_clock_rate(format.clock_rate);
    if (format.telephone_event) out.set_telephone_event(*format.telephone_event);
    out.set_telephone_event_rate(format.telephone_event_rate);
    if (format.comfort_noise) out.set_comfort_noise(*format.comfort_noise);
    out.set_audio_level(format.audio_level);
    out.set_bitrate(format.bitrate);
    out.set_dtx(format.dtx);
}

VideoFormat from_proto(const proto::VideoFormat& format) {
    return {.codec = format.codec(),
            .payload_type = static_cast<std::uint8_t>(format.payload_type()),
            .bitrate = format.bitrate(),
            .max_pixels = format.max_pixels(),
            .nack = format.nack(),
            .full_intra = format.full_intra(),
            .estimate = format.estimate()};
}

void to_proto(const VideoFormat& format, proto::VideoFormat& out) {
    out.set_codec(format.codec);
    out.set_payload_type(format.payload_type);
    out.set_bitrate(format.bitrate);
    out.set_max_pixels(format.max_pixels);
    out.set_nack(format.nack);
    out.set_full_intra(format.full_intra);
    out.set_estimate(format.estimate);
}

Source from_proto(const proto::Source& source) {
    Source out{.kind = static_cast<Source::Kind>(source.kind()), .clips = {}, .loop = source.loop()};
    for (const auto& clip : source.clips()) out.clips.push_back(api::from_proto(clip));
    return out;
}

void to_proto(const Source& source, proto::Source& out) {
    out.set_kind(static_cast<proto::Source::Kind>(source.kind));
    out.set_loop(source.loop);
    for (const auto& clip : source.clips) api::to_proto(clip, *out.add_clips());
}

}  // namespace

Program from_proto(const proto::Program& program) {
    Program out{.kind = static_cast<Program::Kind>(program.kind()),
                .a = from_proto(program.a()),
                .b = from_proto(program.b()),
                .video_a = from_proto(program.video_a()),
                .video_b = from_proto(program.video_b()),
                .source = from_proto(program.source()),
                .sink = {},
                .returned = {}};
    const auto& sink = program.sink();
    out.sink = {.kind = static_cast<Sink::Kind>(sink.kind()),
                .file = sink.file(),
                .longest = std::chrono::seconds{sink.longest_s()},
                .silence = std::chrono::seconds{sink.silence_s()},
                .most_octets = sink.most_octets()};
    for (const auto type : program.returned()) out.returned.push_back(static_cast<std::uint8_t>(type));
    if (program.has_instead_a()) out.instead[0] = from_proto(program.instead_a());
    if (program.has_instead_b()) out.instead[1] = from_proto(program.instead_b());
    for (const auto type : program.sound_a()) out.sound[0].push_back(static_cast<std::uint8_t>(type));
    for (const auto type : program.sound_b()) out.sound[1].push_back(static_cast<std::uint8_t>(type));
    return out;
}

void to_proto(const Program& program, proto::Program& out) {
    out.set_kind(static_cast<proto::Program::Kind>(program.kind));
    to_proto(program.a, *out.mutable_a());
    to_proto(program.b, *out.mutable_b());
    if (!program.video_a.codec.empty()) to_proto(program.video_a, *out.mutable_video_a());
    if (!program.video_b.codec.empty()) to_proto(program.video_b, *out.mutable_video_b());
    to_proto(program.source, *out.mutable_source());
    auto& sink = *out.mutable_sink();
    sink.set_kind(static_cast<proto::Sink::Kind>(program.sink.kind));
    sink.set_file(program.sink.file);
    sink.set_longest_s(static_cast<std::uint32_t>(program.sink.longest.count()));
    sink.set_silence_s(static_cast<std::uint32_t>(program.sink.silence.count()));
    sink.set_most_octets(program.sink.most_octets);
    for (const auto type : program.returned) out.add_returned(type);
    if (program.instead[0]) to_proto(*program.instead[0], *out.mutable_instead_a());
    if (program.instead[1]) to_proto(*program.instead[1], *out.mutable_instead_b());
    for (const auto type : program.sound[0]) out.add_sound_a(type);
    for (const auto type : program.sound[1]) out.add_sound_b(type);
}

ProgramEvent from_proto(const proto::ProgramEvent& event) {
    return {.kind = static_cast<ProgramEvent::Kind>(event.kind()),
            .digit = event.digit(),
            .reason = event.reason(),
            .file = event.file(),
            .duration = std::chrono::milliseconds{event.duration_ms()},
            .sound = std::chrono::milliseconds{event.sound_ms()}};
}

void to_proto(const ProgramEvent& event, proto::ProgramEvent& out) {
    out.set_kind(static_cast<proto::ProgramEvent::Kind>(event.kind));
    out.set_digit(event.digit);
    out.set_reason(event.reason);
    out.set_file(event.file);
    out.set_duration_ms(static_cast<std::uint64_t>(event.duration.count()));
    out.set_sound_ms(static_cast<std::uint64_t>(event.sound.count()));
}

}  // namespace carillon::relay::api
