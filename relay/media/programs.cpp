#include "relay/media/programs.h"

#include <exception>

#include "relay/media/endpoint_job.h"
#include "relay/media/interlude_job.h"
#include "relay/media/transcode_job.h"
#include "relay/media/video_transcode_job.h"

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

std::string fault_in(const api::VideoFormat& format) {
    const auto codec = codec_of(format);
    if (!codec || !codecs::is_installed(*codec)) return "no video codec '" + format.codec + "'";
    return format.payload_type > 127 ? "a payload type is 0 to 127" : "";
}

std::string video_fault(const api::Program& program) {
    if (program.video_a.codec.empty() && program.video_b.codec.empty()) return {};
    if (program.kind != Kind::transcode || !program.has_video()) return "pictures are of a transcode, with two formats";
    auto fault = fault_in(program.video_a);
    return fault.empty() ? fault_in(program.video_b) : fault;
}

std::string fault_in(const api::Source& source) {
    if (source.kind > api::Source::Kind::clips) return "the source is not one of this version";
    if (source.clips.size() > kMostClips) return "a source has at most 256 clips";
    for (const auto& clip : source.clips)
        if (clip.file.size() > kMaxPath || clip.pipeline.size() > kMaxPath)
            return "a path or pipeline has at most 4096 octets";
    return {};
}

bool echoes(const api::Program& program) { return program.source.kind == api::Source::Kind::echo; }

}  // namespace

std::string program_fault(const api::Program& program) {
    if (program.kind > Kind::transcode && program.kind != Kind::interlude)
        return "the program is not one of this version";
    if (program.kind == Kind::none) return {};
    // Without a codec: an endpoint has no sound, what comes back comes back at once; a transcode does not know it yet.
    for (const auto* format : {&program.a, &program.b})
        if (auto fault = format->codec.empty() ? std::string{} : fault_in(*format); !fault.empty()) return fault;
    if (auto fault = video_fault(program); !fault.empty()) return fault;
    if (auto fault = fault_in(program.source); !fault.empty()) return fault;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        if (!program.instead[leg]) continue;
        if (auto fault = fault_in(*program.instead[leg]); !fault.empty()) return fault;
        const auto& format = leg == 0 ? program.a : program.b;
        if (program.kind == Kind::endpoint || format.codec.empty()) return "nobody hears what is to be heard instead";
    }
    if (program.sink.kind > api::Sink::Kind::file) return "the sink is not one of this version";
    if (program.sink.file.size() > kMaxPath) return "a path has at most 4096 octets";
    return {};
}

std::vector<std::string> MediaPrograms::video_codecs() {
    std::vector<std::string> out;
    for (const auto codec : codecs::kVideoCodecs)
        if (codecs::is_installed(codec)) out.emplace_back(codecs::encoding_name(codec));
    return out;
}

std::expected<Interlude::Sources, std::string> MediaPrograms::make_interludes(const api::Program& program) {
    Interlude::Sources out;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        if (!program.instead[leg]) continue;
        const auto rate = program.kind == Kind::transcode ? TranscodeJob::rate_towards(program, leg)
                                                          : sample_rate_of(leg == 0 ? program.a : program.b);
        auto source = make_source(*program.instead[leg], rate, library_);
        if (!source) return std::unexpected{source.error()};
        out[leg] = std::move(*source);
    }
    return out;
}

std::expected<std::unique_ptr<MediaJob>, std::string> MediaPrograms::make_job(const api::Program& program,
                                                                              const std::shared_ptr<LipSync>& lip,
                                                                              const MediaJob::Tell& tell,
                                                                              const Continuation& stood) {
    if (program.kind != Kind::endpoint) {
        auto sources = make_interludes(program);
        if (!sources) return std::unexpected{sources.error()};
        if (program.kind == Kind::interlude) return std::make_unique<InterludeJob>(program, std::move(*sources));
        return std::make_unique<TranscodeJob>(program, lip, std::move(*sources), stood);
    }
    const auto rate = sample_rate_of(program.a);
    auto source = make_source(program.source, rate, library_);
    if (!source) return std::unexpected{source.error()};
    auto sink = make_sink(program.sink, rate);
    if (!sink) return std::unexpected{sink.error()};
    return std::make_unique<EndpointJob>(program.a, std::move(*source), std::move(*sink), echoes(program), tell);
}

std::expected<void, MediaPrograms::Refused> MediaPrograms::start_sound(Running& running, const api::Program& program,
                                                                       std::shared_ptr<MediaChannel> channel,
                                                                       MediaOutlet& outlet, const MediaJob::Tell& tell,
                                                                       const Continuation& stood) {
    if (!pool_) pool_ = std::make_unique<MediaPool>(options_.sound);
    if (auto reason = pool_->refusal(); !reason.empty()) return std::unexpected{Refused{true, std::move(reason)}};
    auto job = make_job(program, running.lip, tell, stood);
    if (!job) return std::unexpected{Refused{false, job.error()}};
    const auto ticket = pool_->add(std::move(*job), std::move(channel), outlet.wake(), tell);
    if (!ticket) return std::unexpected{Refused{true, ticket.error()}};
    running.sound = *ticket;
    return {};
}

std::expected<std::shared_ptr<MediaChannel>, MediaPrograms::Refused> MediaPrograms::start_video(
    Running& running, const api::Program& program, MediaOutlet& outlet, const MediaJob::Tell& tell,
    const Continuation& stood) {
    if (!video_pool_) video_pool_ = std::make_unique<MediaPool>(options_.video);
    if (auto reason = video_pool_->refusal(); !reason.empty())
        return std::unexpected{Refused{true, reason + " (video)"}};
    if (load().busiest >= options_.sound.busiest)
        return std::unexpected{Refused{true, "the worker's media threads are busy"}};
    auto channel = std::make_shared<MediaChannel>(true, MediaChannel::kVideoOctets);
    const auto ticket = video_pool_->add(std::make_unique<VideoTranscodeJob>(program, running.lip, stood), channel,
                                         outlet.wake(), tell);
    if (!ticket) return std::unexpected{Refused{true, ticket.error() + " (video)"}};
    running.video = *ticket;
    return channel;
}

/// A transcode without any format is one that may be needed: a place among the jobs for sound is kept for it.
std::expected<MediaPrograms::Started, MediaPrograms::Refused> MediaPrograms::start(const api::Program& program,
                                                                                   MediaOutlet& outlet,
                                                                                   const MediaJob::Tell& tell,
                                                                                   const Before& before) {
    const bool transcode = program.kind == Kind::transcode;
    const bool two_ends = program.kind != Kind::endpoint;
    auto sound = std::make_shared<MediaChannel>(two_ends);
    std::shared_ptr<MediaChannel> video;
    Running running;
    if (transcode) running.lip = std::make_shared<LipSync>(before.stream);
    running.sound_way = sound;
    try {
        if (program.has_video()) {
            auto started = start_video(running, program, outlet, tell, before.stood);
            if (!started) return std::unexpected{started.error()};
            video = std::move(*started);
        }
        if (!program.a.codec.empty() || (two_ends && !video)) {
            if (const auto started = start_sound(running, program, sound, outlet, tell, before.stood); !started) {
                if (video) video->closed.store(true, std::memory_order_release);
                return std::unexpected{started.error()};
            }
        }
        auto link = std::make_unique<MediaLink>(program, std::move(sound), std::move(video), outlet);
        link->go_on(before.stood);
        return Started{std::move(link), running};
    } catch (const std::exception& error) {
        return std::unexpected{Refused{false, error.what()}};
    }
}

std::expected<std::shared_ptr<MediaChannel>, MediaPrograms::Refused> MediaPrograms::change(Running& running,
                                                                                           const api::Program& program,
                                                                                           MediaOutlet& outlet,
                                                                                           const MediaJob::Tell& tell) {
    if (program.kind != Kind::transcode) {
        const auto changed = program.kind == Kind::endpoint ? change_endpoint(*running.sound, program)
                                                            : change_interludes(*running.sound, program);
        if (!changed) return std::unexpected{changed.error()};
        return nullptr;
    }
    std::shared_ptr<MediaChannel> fresh;
    if (running.video) {
        video_pool_->with(*running.video,
                          [program](MediaJob& job) { static_cast<VideoTranscodeJob&>(job).set(program); });
    } else if (program.has_video()) {
        auto started = start_video(running, program, outlet, tell);
        if (!started) return std::unexpected{started.error()};
        fresh = std::move(*started);
    }
    if (!running.sound && !program.a.codec.empty()) {
        const auto started = start_sound(running, program, running.sound_way, outlet, tell);
        if (!started) return std::unexpected{started.error()};
    } else if (running.sound) {
        if (const auto changed = change_interludes(*running.sound, program); !changed)
            return std::unexpected{changed.error()};
    }
    return fresh;
}

std::expected<void, MediaPrograms::Refused> MediaPrograms::change_interludes(const MediaTicket& ticket,
                                                                             const api::Program& program) {
    auto sources = make_interludes(program);
    if (!sources) return std::unexpected{Refused{false, sources.error()}};
    // std::function wants copies; it runs once.
    auto made = std::make_shared<Interlude::Sources>(std::move(*sources));
    pool_->with(ticket, [program, made](MediaJob& job) {
        if (program.kind == Kind::interlude) return static_cast<InterludeJob&>(job).set(program, std::move(*made));
        static_cast<TranscodeJob&>(job).set(program, std::move(*made));
    });
    return {};
}

std::expected<void, MediaPrograms::Refused> MediaPrograms::change_endpoint(const MediaTicket& ticket,
                                                                           const api::Program& program) {
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
