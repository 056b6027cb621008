/// A worker that was killed goes on in its successor: the same ports, addresses, keys and counters.
/// Spec: docs/relay-journal.md.
#include <algorithm>
#include <map>

#include "config/base/log.h"
#include "relay/control/request_check.h"
#include "relay/control/worker.h"

namespace carillon::relay {
namespace {

constexpr std::chrono::seconds kBeat{1};

/// Whether the parts of it that are not a request's fit this worker.
bool fits(const journal::ReadStream& left, std::size_t sockets) {
    for (const auto& leg : left.legs) {
        if (leg.own_before.size() > IceLite::kMaxGenerations) return false;
        for (const auto& set : leg.paths)
            for (std::size_t i = 0; i < set.count; ++i)
                if (set.paths[i].socket >= sockets || set.paths[i].port == 0) return false;
    }
    return true;
}

/// The last packet that left for an end. Of SRTP the index is known; else so many have gone since the last tick as fit
/// into the time.
std::optional<StreamPoint> point_of(const journal::ReadLeg& leg, bool pictures, SteadyTime now) {
    using std::chrono::milliseconds;
    constexpr std::uint32_t kOldest = 10 * 60 * 1000;
    constexpr std::uint32_t kFrame = 20, kMostSound = 100, kPictures = 500;
    const auto& saved = leg.points[pictures ? 1 : 0];
    if (saved.ssrc == 0) return std::nullopt;
    const auto here = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count();
    const auto passed = static_cast<std::uint32_t>(here) - saved.at;
    if (passed > kOldest) return std::nullopt;
    StreamPoint point{
        .ssrc = saved.ssrc, .sequence = saved.sequence, .timestamp = saved.timestamp, .at = now - milliseconds{passed}};
    const auto sealed = std::ranges::find(leg.outbound, saved.ssrc, &srtp::SsrcState::ssrc);
    if (sealed != leg.outbound.end() && sealed->rtp) {
        point.sequence = static_cast<std::uint16_t>(sealed->rtp_index);
    } else {
        const auto more = pictures ? kPictures : std::min(passed / kFrame, kMostSound);
        point.sequence = static_cast<std::uint16_t>(point.sequence + more);
    }
    return point;
}

Continuation stood_at(const journal::ReadStream& left, SteadyTime now) {
    Continuation out;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        out.sound[leg] = point_of(left.legs[leg], false, now);
        out.pictures[leg] = point_of(left.legs[leg], true, now);
    }
    return out;
}

std::string fault_in(const journal::ReadStream& left) {
    api::proto::OpenStream request;
    request.set_session(left.session);
    api::to_proto(left.setup, *request.mutable_setup());
    return relay::fault_in(request);
}

}  // namespace

std::unique_ptr<journal::Record> Worker::record_of(const std::string& session, const api::StreamSetup& setup,
                                                   const OpenedStream& opened, SteadyTime began, SteadyTime expires) {
    if (!journal_) return nullptr;
    return journal::Record::make(journal_->file(), session, setup, opened.ports, began, expires);
}

void Worker::take_up() {
    if (options_.journal.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    auto left = journal::Journal::take_over(options_.journal, now);
    const std::size_t ports = static_cast<std::size_t>(options_.ports.last - options_.ports.first) + 1;
    journal_ = std::make_unique<journal::Journal>(options_.journal, ports / 2, now);
    draining_ = left.draining;
    journal_->set_draining(draining_);
    if (!left.identity.empty()) {
        try {
            identity_ = std::make_shared<const dtls::Identity>(left.identity);
            identity_made_ = now;
            journal_->set_identity(left.identity);
        } catch (const std::exception& error) {
            log::error("the certificate in the journal cannot be used", {{"why", error.what()}});
        }
    }
    std::size_t taken = 0;
    // A session is one shard's: that of the port its legs share, where they do.
    std::map<std::string, std::size_t> shards;
    for (const auto& stream : left.streams)
        for (const auto& leg : stream.legs)
            for (const auto port : leg.ports)
                if (const auto shard = ice_ports_.shard_of(port)) shards.try_emplace(stream.session, *shard);
    for (auto& stream : left.streams) {
        const auto fresh = ice_tcp_.on() ? ice_tcp_.shard_of(stream.session) : lightest_shard();
        const auto shard = shards.try_emplace(stream.session, fresh).first->second;
        taken += take_up(stream, shard, now) ? 1 : 0;
    }
    turn_left_ = std::move(left.allocations);
    turn_reserved_ = std::move(left.reservations);
    attempts_ = left.streams.empty() && turn_left_.empty() ? 0 : left.attempts + 1;
    if (!left.streams.empty())
        log::info("streams of a worker that died go on", {{"streams", taken}, {"of", left.streams.size()}});
}

/// The shard that its client's datagrams come to gets it, if there are as many shards as there were.
void Worker::inherit_turn(std::size_t place, TurnService& service) {
    for (auto& left : turn_left_) {
        if (left.place.place != place || left.place.places != shards_.size()) continue;
        auto port = ports_.claim(left.place.port);
        if (!port) continue;
        auto record = journal_ ? journal::TurnRecord::make(journal_->file(), left.place, left.allocation) : nullptr;
        service.inherit({.left = std::move(left), .port = std::move(*port), .record = std::move(record)});
    }
}

/// The program of a stream that goes on; a hold music that has died with the worker is heard no more. Nothing: it
/// cannot be made here.
std::optional<MediaPrograms::Started> Worker::begin_again(journal::ReadStream& left, std::size_t shard,
                                                          SteadyTime now) {
    auto& program = left.setup.program;
    for (const bool as_it_was : {true, false}) {
        if (!as_it_was) program.instead = {};
        if (!sounds_.resolve(program)) continue;
        auto started = start_program(left.session, left.setup.stream, program, shard, stood_at(left, now));
        if (started) return std::move(*started);
        if (!program.instead[0] && !program.instead[1]) break;
    }
    return std::nullopt;
}

bool Worker::take_up(journal::ReadStream& left, std::size_t shard, SteadyTime now) {
    const auto refuse = [&](std::string_view why) {
        log::error("a stream in the journal cannot go on", {{"session", left.session}, {"why", why}});
        return false;
    };
    if (const auto fault = fault_in(left); !fault.empty()) return refuse(fault);
    if (!fits(left, options_.ports.bind.size())) return refuse("it has other addresses than this worker");
    if (left.expires != SteadyTime{} && left.expires <= now) return false;
    const auto known = sessions_.find(left.session);
    if (known != sessions_.end() && known->second.streams.contains(left.setup.stream))
        return refuse("it is there twice");
    std::optional<MediaPrograms::Started> program;
    if (left.setup.program.kind != api::Program::Kind::none) {
        program = begin_again(left, shard, now);
        if (!program) return refuse("its program cannot be begun again");
    }
    Stream::Ports bound;
    OpenedStream opened{.mode = left.setup.mode,
                        .rtcp = left.setup.rtcp,
                        .told = {},
                        .ports = {},
                        .program_kind = left.setup.program.kind};
    if (program) opened.program = program->running;
    for (std::size_t leg = 0; leg < 2; ++leg) {
        for (std::size_t component = 0; component < left.legs[leg].ports.size(); ++component) {
            auto claimed = claim_port(left, leg, component, shard);
            if (!claimed) {
                bound = {};
                for (std::size_t each = 0; each < 2; ++each)
                    give_back(left.session, left.setup.stream, each, opened.ports[each]);
                return refuse("its ports are taken");
            }
            opened.ports[leg].push_back(claimed->port);
            bound[leg].push_back(std::move(*claimed));
        }
    }
    opened.told = {told(bound[0]), told(bound[1]), {}, told_tcp(left.setup, 0, bound[0].size(), shard),
                   told_tcp(left.setup, 1, bound[1].size(), shard)};
    std::shared_ptr<const dtls::Identity> certificate;
    if (left.setup.mode == api::Mode::bridge) {
        certificate = identity();
        opened.told.fingerprint = certificate->fingerprint().value;
    }
    auto& session = sessions_.try_emplace(left.session, Session{.shard = shard, .streams = {}}).first->second;
    auto stream = std::make_unique<Stream>(left.session, left.setup, std::move(bound), now, std::move(certificate));
    stream->restore(left, now);
    if (program) stream->carry(std::move(program->link));
    if (kernel_) stream->forward_in_kernel(kernel_);
    stream->keep_in(record_of(left.session, left.setup, opened, left.opened, left.expires));
    session.streams.emplace(left.setup.stream, std::move(opened));
    ++shard_load_[session.shard];
    shards_[session.shard]->add(std::move(stream));
    return true;
}

void Worker::beat() {
    if (journal_) journal_->beat(std::chrono::steady_clock::now());
    if (kernel_) kernel_->beat();
    measure();
    beats_.expires_after(kBeat);
    beats_.async_wait([this, alive = std::weak_ptr{alive_}](auto error) {
        if (!error && alive.lock()) beat();
    });
}

}  // namespace carillon::relay
