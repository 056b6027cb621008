/// Media programs of the worker's streams: begun, changed, added in mid-call.
#include "relay/control/worker.h"

#include <boost/asio/post.hpp>

#include "relay/control/request_check.h"

namespace carillon::relay {

namespace proto = api::proto;

/// Brings what a program's job has to tell to the control thread.
MediaJob::Tell Worker::teller(const std::string& session, const std::string& stream) {
    return [this, alive = std::weak_ptr{alive_}, session, stream](api::ProgramEvent event) {
        boost::asio::post(io_, [this, alive, session, stream, event = std::move(event)] {
            if (!alive.lock()) return;
            take_event({.kind = api::Event::Kind::program,
                        .session = session,
                        .stream = stream,
                        .leg = {},
                        .counters = {},
                        .program = event});
        });
    };
}

std::expected<MediaPrograms::Started, proto::Reply> Worker::start_program(const std::string& session,
                                                                          const std::string& stream,
                                                                          const api::Program& program,
                                                                          std::size_t shard,
                                                                          const Continuation& stood) {
    const auto name = Shard::key(session, stream);
    auto started = programs_->start(program, *outlets_[shard], teller(session, stream), {name, stood});
    if (started) return std::move(*started);
    return std::unexpected{
        refuse(started.error().busy ? proto::REFUSAL_LIMIT : proto::REFUSAL_BAD_REQUEST, started.error().reason)};
}

void Worker::put_sound(const proto::PutSound& request, const Respond& respond) {
    const auto there = sounds_.put(request.name(), request.size(), request.offset(), request.octets());
    if (!there) return respond(refuse(proto::REFUSAL_BAD_REQUEST, there.error()));
    proto::Reply reply;
    reply.set_sound_octets(*there);
    respond(std::move(reply));
}

void Worker::set_program(const proto::SetProgram& request, Respond respond) {
    auto program = api::from_proto(request.program());
    if (auto fault = program_fault(program); !fault.empty())
        return respond(refuse(proto::REFUSAL_BAD_REQUEST, std::move(fault)));
    if (auto there = sounds_.resolve(program); !there)
        return respond(refuse(proto::REFUSAL_NOT_FOUND, std::move(there.error())));
    const auto session = sessions_.find(request.session());
    if (session == sessions_.end() || !session->second.streams.contains(request.stream()))
        return respond(refuse(proto::REFUSAL_NOT_FOUND, "no such stream"));
    auto& opened = session->second.streams.at(request.stream());
    const bool fresh = opened.program_kind == api::Program::Kind::none && opened.mode == api::Mode::bridge &&
                       (program.kind == api::Program::Kind::transcode || program.kind == api::Program::Kind::interlude);
    if (fresh) return add_program(request, session->second, opened, program, std::move(respond));
    const bool runs = opened.program && (opened.program->sound || opened.program->video);
    if (!runs || opened.program_kind != program.kind)
        return respond(refuse(proto::REFUSAL_CONFLICT, "the stream has no program of that kind"));
    const auto changed = programs_->change(*opened.program, program, *outlets_[session->second.shard],
                                           teller(request.session(), request.stream()));
    if (!changed)
        return respond(
            refuse(changed.error().busy ? proto::REFUSAL_LIMIT : proto::REFUSAL_BAD_REQUEST, changed.error().reason));
    // Answered when it holds for the packets to come.
    shards_[session->second.shard]->with(
        Shard::key(request.session(), request.stream()),
        [program, video = *changed](Stream* stream) {
            if (!stream || !stream->program()) return;
            stream->save_program(program);
            stream->program()->set(program, video);
        },
        [answer = later(std::move(respond))] { answer({}); });
}

/// A bridge becomes a transcode when it turns out that its ends share no codec; one end of it is put on hold.
void Worker::add_program(const proto::SetProgram& request, Session& session, OpenedStream& stream,
                         const api::Program& program, Respond respond) {
    auto started = start_program(request.session(), request.stream(), program, session.shard);
    if (!started) return respond(std::move(started.error()));
    stream.program = started->running;
    stream.program_kind = program.kind;
    // std::function wants copies; the command runs once.
    auto link = std::make_shared<std::unique_ptr<MediaLink>>(std::move(started->link));
    shards_[session.shard]->with(
        Shard::key(request.session(), request.stream()),
        [link, program](Stream* found) {
            if (!found) return link->reset();
            found->save_program(program);  // else a successor would pass one end's codec to the other
            found->carry(std::move(*link));
            found->program()->attach(*found);
        },
        [answer = later(std::move(respond))] { answer({}); });
}

}  // namespace carillon::relay
