#include "relay/media/programs.h"

#include <exception>

#include "relay/media/endpoint_job.h"
#include "relay/media/transcode_job.h"

namespace carillon::relay {
namespace {

using Kind = api::Program::Kind;

constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMostClips = 256;

std::string fault_in(const api::AudioFormat& format) {
    if (!codec_of(format)) return "no codec '" + format.codec + "' at that clock rate";
    if (format.payload_type > 127 || format.telephone_event.value_or(0) > 127 || format.comfort_noise.value_or(0) > 127)
        return "a payload type is 0 to 127";
    if (format.audio_level > 14) return "a header extension has an id of 1 to 14";
    return {};
}

bool echoes(const api::Program& program) { return program.source.kind == api::Source::Kind::echo; }

}  // namespace

std::string program_fault(const api::Program& program) {
    if (program.kind > Kind::transcode) return "the program is not one of this version";
    if (program.kind == Kind::none) return {};
    // Without a codec: an endpoint has no sound, what comes back comes back at once; a transcode does not know it yet.
    for (const auto* format : {&program.a, &program.b})
        if (auto fault = format->codec.empty() ? std::string{} : fault_in(*format); !fault.empty()) return fault;
    if (program.source.kind > api::Source::Kind::clips || program.sink.kind > api::Sink::Kind::file)
        return "the source or sink is not one of this version";
    if (program.source.clips.size() > kMostClips) return "a source has at most 256 clips";
    for (const auto& clip : program.source.clips)
        if (clip.file.size() > kMaxPath) return "a path has at most 4096 octets";
    if (program.sink.file.size() > kMaxPath) return "a path has at most 4096 octets";
    return {};
}

std::expected<std::unique_ptr<MediaJob>, std::string> MediaPrograms::make_job(const api::Program& program,
                                                                              const MediaJob::Tell& tell) {
    if (program.kind == Kind::transcode) return std::make_unique<TranscodeJob>(program);
    const auto rate = sample_rate_of(program.a);
    auto source = make_source(program.source, rate, library_);
    if (!source) return std::unexpected{source.error()};
    auto sink = make_sink(program.sink, rate);
    if (!sink) return std::unexpected{sink.error()};
    return std::make_unique<EndpointJob>(program.a, std::move(*source), std::move(*sink), echoes(program), tell);
}

std::expected<MediaPrograms::Started, MediaPrograms::Refused> MediaPrograms::start(const api::Program& program,
                                                                                   MediaOutlet& outlet,
                                                                                   MediaJob::Tell tell) {
    auto channel = std::make_shared<MediaChannel>(program.kind == Kind::transcode);
    if (program.kind == Kind::endpoint && program.a.codec.empty())
        return Started{std::make_unique<MediaLink>(program, std::move(channel), outlet), std::nullopt};
    if (!pool_) pool_ = std::make_unique<MediaPool>(options_);
    if (auto reason = pool_->refusal(); !reason.empty()) return std::unexpected{Refused{true, std::move(reason)}};
    try {
        auto job = make_job(program, tell);
        if (!job) return std::unexpected{Refused{false, job.error()}};
        auto link = std::make_unique<MediaLink>(program, channel, outlet);
        const auto ticket = pool_->add(std::move(*job), std::move(channel), outlet.wake(), std::move(tell));
        if (!ticket) return std::unexpected{Refused{true, ticket.error()}};
        return Started{std::move(link), *ticket};
    } catch (const std::exception& error) {
        return std::unexpected{Refused{false, error.what()}};
    }
}

std::expected<void, MediaPrograms::Refused> MediaPrograms::change(const MediaTicket& ticket,
                                                                  const api::Program& program) {
    if (program.kind == Kind::transcode) {
        pool_->with(ticket, [program](MediaJob& job) { static_cast<TranscodeJob&>(job).set(program); });
        return {};
    }
    auto source = make_source(program.source, sample_rate_of(program.a), library_);
    if (!source) return std::unexpected{Refused{false, source.error()}};
    auto sink = make_sink(program.sink, sample_rate_of(program.a));
    if (!sink) return std::unexpected{Refused{false, sink.error()}};
    struct Parts {
        std::unique_ptr<SoundSource> source;
        std::unique_ptr<SoundSink> sink;
    };
    // std::function wants copies; it runs once.
    auto parts = std::make_shared<Parts>(std::move(*source), std::move(*sink));
    pool_->with(ticket, [parts, echo = echoes(program)](MediaJob& job) {
        static_cast<EndpointJob&>(job).change(std::move(parts->source), std::move(parts->sink), echo);
    });
    return {};
}

}  // namespace carillon::relay
