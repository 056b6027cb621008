/// The controller's middle: one stanza of a call after the other, through the relay's answers.
#include <algorithm>
#include <utility>

#include "config/base/log.h"
#include "signaling/calls/bandwidth.h"
#include "signaling/calls/bridging.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/tcp_candidates.h"
#include "signaling/calls/transcoding.h"
#include "signaling/jingle/build.h"
#include "signaling/jingle/rewrite.h"

namespace carillon::calls {

using jingle::Action;

void Controller::enqueue(const CallPtr& call, Arrival arrival) {
    if (call->current) {
        if (cancel_early(call, arrival)) return;
        const auto* env = environment(*call);
        if (!env || call->waiting.size() >= env->settings().queued_stanzas) {
            reply_error(*call, arrival.stanza, xmpp::StanzaError::resource_constraint());
            return;
        }
        call->waiting.push_back(std::move(arrival));
        return;
    }
    call->current = std::move(arrival);
    work(call);
}

/// The caller hangs up while the relay still has to answer: the callee never hears of the call.
bool Controller::cancel_early(const CallPtr& call, const Arrival& arrival) {
    if (call->delivered || arrival.side != Side::caller || arrival.jingle.action != Action::session_terminate) {
        return false;
    }
    acknowledge(*call, call->current->stanza);
    for (const auto& waiting : call->waiting) acknowledge(*call, waiting.stanza);
    acknowledge(*call, arrival.stanza);
    call->waiting.clear();
    const auto& why = arrival.jingle.reason.condition;
    const bool invited = !call->invite_ns.empty();
    if (invited) tell_invite(*call, {.condition = "cancel", .text = {}}, Side::caller);
    finish(call, why.empty() ? "cancel" : why);
    return true;
}

void Controller::work(const CallPtr& call) {
    if (call->endpoint && call->delivered && at_endpoint(call)) return;
    switch (call->current->jingle.action) {
        case Action::session_initiate:
            return initiate(call);
        case Action::session_terminate: {
            if (reoffer(call)) return;
            if (stand_in_for_busy(call)) return;
            auto arrival = std::move(*call->current);
            call->current.reset();
            auto why = arrival.jingle.reason.condition;
            if (call->mode == RelayMode::always)
                jingle::remove_candidates(*jingle::find_jingle(arrival.stanza.element()));
            const auto to = other(arrival.side);
            if (call->away[index(to)]) {
                acknowledge(*call, arrival.stanza);
                tell_later(*call, to, arrival.jingle.reason);
            } else if (auto* env = environment(*call)) {
                env->route(std::move(arrival.stanza));
            }
            return finish(call, why.empty() ? "success" : why);
        }
        default:
            return relay_then_route(call);
    }
}

void Controller::next(const CallPtr& call) {
    call->current.reset();
    keep(*call);
    if (call->phase == Phase::ended || call->waiting.empty()) return;
    call->current = std::move(call->waiting.front());
    call->waiting.pop_front();
    work(call);
}

void Controller::await(const CallPtr& call, const std::function<void(std::function<void(bool)>)>& start,
                       std::function<void(bool)> then) {
    const auto* env = environment(*call);
    if (!env) return then(false);
    const auto step = ++call->step;
    call->pending = std::move(then);
    call->step_deadline = env->clock().now() + env->settings().relay_wait;
    start([self = std::weak_ptr{self_}, call, step](bool result) {
        if (self.expired() || call->step != step || !call->pending) return;  // too late, or answered twice
        call->step_deadline.reset();
        std::exchange(call->pending, nullptr)(result);
    });
}

void Controller::initiate(const CallPtr& call) {
    auto* env = environment(*call);
    if (!env) return;
    if (auto refusal = env->policy().admit(facts(*call))) return refuse(call, *refusal, refusal->condition);
    auto* endpoint = call->standing_in ? env->stand_in(call->callee) : env->endpoint(call->callee);
    if (endpoint) return answer(call, *endpoint);
    if (call->standing_in) return refuse(call, xmpp::StanzaError::service_unavailable(), "unavailable");
    if (env->stand_in(call->callee) && call->invite_ns.empty()) call->offer = *call->current;
    await(
        call, [&](std::function<void(bool)> done) { env->watch(call->callee, call->key, std::move(done)); },
        [this, call](bool bound) {
            // The callee is not there: an answer at once, and no port is spent.
            if (!bound) return callee_absent(call);
            consult_stand_in(call);
            choose_path(call);
        });
}

/// Whether the ends speak to one another or each to the relay.
void Controller::choose_path(const CallPtr& call) {
    auto* env = environment(*call);
    if (!env) return;
    const auto offered = manner_of(call->current->jingle);
    const auto& settings = env->settings();
    if (!relay_ || !offered || call->mode == RelayMode::never || settings.bridge == BridgeMode::never)
        return relay_then_route(call);
    auto line = call->line;
    if (settings.obey_bandwidth) line[0] = narrow_line(line[0], said_bandwidth(call->current->jingle));
    const bool narrow = settings.transcode != TranscodeMode::never && needs_narrow_leg(call->current->jingle, line);
    const auto wanted = settings.transcode == TranscodeMode::always || narrow ? BridgeMode::always : settings.bridge;
    auto declared = std::make_shared<Abilities>();
    await(
        call,
        [&](std::function<void(bool)> done) {
            env->abilities(call->callee, [declared, done = std::move(done)](const Abilities& abilities) {
                *declared = abilities;
                done(true);
            });
        },
        [this, call, declared, offered = *offered, mode = wanted, transcode = settings.transcode](bool) {
            if (const auto callee = bridge_manner(call->current->jingle, *declared, mode)) {
                call->bridge = {offered, *callee};
                call->transcodes = transcode != TranscodeMode::never;
                call->video_codecs = relay_->video_codecs();
                log::debug("call is bridged",
                           {{"call", call->record.id}, {"caller", to_string(offered)}, {"callee", to_string(*callee)}});
            }
            if (!call->bridge && transcode == TranscodeMode::automatic) keep_offer(call);
            relay_then_route(call);
        });
}

void Controller::relay_then_route(const CallPtr& call) {
    const auto* env = environment(*call);
    if (!env) return;
    auto tasks = plan_media(*call, call->current->side, call->current->jingle, env->settings().limits);
    if (!tasks) return plan_failed(call, tasks.error());
    perform(call, std::move(*tasks), 0, [this, call](bool done) {
        if (call->phase == Phase::ended) return;
        if (!done && (call->mode == RelayMode::always || call->bridge)) return relay_failed(call);
        route_current(call);
    });
}

void Controller::plan_failed(const CallPtr& call, PlanFault fault) {
    const auto& arrival = *call->current;
    if (fault == PlanFault::too_many) {
        reply_error(*call, arrival.stanza, xmpp::StanzaError::policy_violation().with_text("too many contents"));
        return next(call);
    }
    if (fault == PlanFault::transport)
        return end(call, {.condition = "failed-transport", .text = "the answer has another transport than the offer"},
                   "failed-transport");
    const auto error = xmpp::StanzaError::not_acceptable().with_text("the keys of the media cannot be used");
    if (arrival.jingle.action == Action::session_initiate) return refuse(call, error, "security-error");
    if (arrival.jingle.action != Action::content_add)  // XEP-0167 §7: what was asked for is not there
        return end(call, {.condition = "security-error", .text = "the media would not be protected as asked"},
                   "security-error");
    reply_error(*call, arrival.stanza, error);
    forget_unopened(*call, arrival.jingle);
    next(call);
}

/// Contents of an addition that came to nothing.
void Controller::forget_unopened(Call& call, const jingle::Jingle& jingle) {
    for (const auto& content : jingle.contents) {
        std::erase_if(call.streams, [&](const Stream& stream) {
            return !stream.open && !stream.bundled && stream.name == content.name;
        });
    }
}

void Controller::perform(const CallPtr& call, std::vector<RelayTask> tasks, std::size_t at,
                         std::function<void(bool)> done) {
    if (at == tasks.size()) return done(true);
    const auto task = tasks[at];
    auto go_on = [this, call, tasks = std::move(tasks), at, done = std::move(done)](bool result) mutable {
        if (call->phase == Phase::ended) return;
        if (!result && tasks[at].kind == RelayTask::Kind::program) return transcoder_refused(call);
        if (auto* stream = call->find_id(tasks[at].stream); !result && stream) {
            log::warning("relay refuses a stream", {{"call", call->record.id}, {"content", stream->name}});
            if (stream->open) close_streams(call, {stream->id});
            stream->open = false;
            if (call->mode == RelayMode::always || stream->bridged()) return done(false);
        }
        perform(call, std::move(tasks), at + 1, std::move(done));
    };
    if (!relay_) return go_on(false);
    await(
        call,
        [&](std::function<void(bool)> answer) {
            auto* stream = call->find_id(task.stream);
            if (task.kind == RelayTask::Kind::open) return open_stream(call, task.stream, answer);
            if (task.kind == RelayTask::Kind::program) {
                if (const auto* env = environment(*call)) limit_bitrate(stream->program, env->settings().opus_bitrate);
                return relay_->set_program(call->record.id, task.stream, stream->program, std::move(answer));
            }
            relay_->update(call->record.id, task.stream, task.side, stream->leg(task.side).said, std::move(answer));
        },
        std::move(go_on));
}

void Controller::open_stream(const CallPtr& call, const std::string& id, const std::function<void(bool)>& done) {
    const auto step = call->step;
    auto setup = setup_of(*call->find_id(id));
    setup.tell_rtcp = exporter_ != nullptr;
    setup.writes_files = call->endpoint && call->endpoint->writes_files();
    setup.on_event = [self = std::weak_ptr{self_}, call](const ProgramEvent& event) {
        if (const auto alive = self.lock()) (*alive)->program_event(call, event);
    };
    relay_->open(
        call->record.id, std::move(setup),
        [self = std::weak_ptr{self_}, call](const std::string& stream, RelayEvent event) {
            if (const auto alive = self.lock()) (*alive)->relay_event(call, stream, event);
        },
        [self = std::weak_ptr{self_}, call, id, step, done](std::expected<StreamPorts, std::string> ports) {
            const auto alive = self.lock();
            if (!alive) return;
            auto* stream = call->find_id(id);
            if (call->phase == Phase::ended || call->step != step || !stream) {
                if (ports) (*alive)->relay_->close(call->record.id, id, [](const auto&) {});
                return;
            }
            if (!ports) return done(false);
            stream->ports = std::move(*ports);
            stream->open = true;
            stream->lost = stream->silent = false;
            for (auto& leg : stream->legs) leg.offered = leg.offered_tcp = 0;
            call->restart_deadline.reset();
            done(true);
        });
}

/// Policy `always` or a bridge, and no relay: the call cannot be.
void Controller::relay_failed(const CallPtr& call) {
    const auto& arrival = *call->current;
    if (arrival.jingle.action == Action::session_initiate && call->reserves) return transcoder_refused(call);
    if (arrival.jingle.action == Action::session_initiate) {
        return refuse(call, xmpp::StanzaError::resource_constraint().with_text("no media relay is free"),
                      "relay-refused");
    }
    if (arrival.jingle.action == Action::content_add || arrival.jingle.action == Action::transport_replace) {
        reply_error(*call, arrival.stanza, xmpp::StanzaError::resource_constraint());
        forget_unopened(*call, arrival.jingle);
        return next(call);
    }
    end(call, {.condition = "connectivity-error", .text = "the media relay is gone"}, "relay-lost");
}

void Controller::route_current(const CallPtr& call) {
    auto* env = environment(*call);
    if (!env) return;
    auto& arrival = *call->current;
    auto* element = jingle::find_jingle(arrival.stanza.element());
    const bool answers = arrival.jingle.action != Action::session_accept ||
                         (arrival.side == Side::callee && call->phase == Phase::initiated);
    if (answers) close_streams(call, settle_media(*call, arrival.jingle));
    const bool passes = rewrite_media(*call, arrival.side, arrival.jingle, *element) && !call->endpoint;
    if (!passes) {
        absorb(*call, arrival);
        tell_restarts(*call);
        tell_tcp(*call);
        return next(call);
    }
    if (arrival.jingle.action == Action::session_initiate) {
        call->delivered = true;
        call->initiate_id = arrival.stanza.id();
    }
    if (!env->settings().hold_music.empty()) keep_way_open(*call, arrival, *element);
    env->route(std::move(arrival.stanza));
    after_route(call, arrival);
    tell_restarts(*call);
    tell_tcp(*call);
    next(call);
}

/// It was for the relay, which answers in the other side's name.
void Controller::absorb(const Call& call, Arrival& arrival) {
    acknowledge(call, arrival.stanza);
    if (arrival.jingle.action != Action::transport_replace) return;
    auto& element = *jingle::find_jingle(arrival.stanza.element());
    for (const auto& content : arrival.jingle.contents) {  // a bridged leg stays what it is
        const auto* asked = jingle::find_transport(element, content.creator, content.name);
        if (!asked) continue;
        tell(call, arrival.side,
             jingle::make_transport(Action::transport_reject, call.sid, content,
                                    xml::Element("transport", asked->ns())));
    }
}

/// RFC 8445 §9: who restarts ICE waits for new credentials of the other end, which is the relay.
void Controller::tell_restarts(Call& call) {
    for (auto& stream : call.streams) {
        for (const auto side : {Side::caller, Side::callee}) {
            auto& bridge = stream.leg(side).said.bridge;
            if (!bridge || !std::exchange(bridge->restarted, false) || !stream.open) continue;
            const jingle::Content content{.creator = stream.creator, .name = stream.name};
            tell(call, side,
                 jingle::make_transport(Action::transport_info, call.sid, content, leg_transport(stream, side)));
            stream.leg(side).told_ufrag = bridge->own.ufrag;
            stream.leg(side).told_tcp = stream.leg(side).tcp;
        }
    }
}

/// To who has just shown that it takes candidates over TCP.
void Controller::tell_tcp(Call& call) {
    for (auto& late : late_tcp(call)) tell(call, late.to, std::move(late.jingle));
}

void Controller::after_route(const CallPtr& call, const Arrival& arrival) {
    if (arrival.jingle.ringing && arrival.side == Side::callee) call->ringing = true;
    if (arrival.jingle.on_hold) call->held[index(arrival.side)] = *arrival.jingle.on_hold;
    take_hold(call, arrival);
    if (arrival.jingle.action != Action::session_accept || arrival.side != Side::callee ||
        call->phase != Phase::initiated)
        return;
    mark_answered(call, arrival.jingle);
}

void Controller::mark_answered(const CallPtr& call, const jingle::Jingle& answer) {
    auto* env = environment(*call);
    const auto now = env->clock().now();
    call->phase = Phase::active;
    call->answered = now;
    call->ring_deadline.reset();
    call->stand_in_at.reset();
    call->offer.reset();
    call->next_tick = now + env->settings().tick;
    call->record.callee = call->callee;
    call->record.answered = env->clock().wall();
    call->record.codecs = jingle::describe_codecs(answer.contents);
    if (std::ranges::any_of(call->streams, &Stream::transcoded)) {
        call->record.codecs.clear();
        for (const auto& content : answer.contents) {
            const auto* stream = call->find(content.creator, content.name);
            const auto said = stream && stream->transcoded() ? codecs_of(*stream) : jingle::describe_codecs({content});
            call->record.codecs += (said.empty() || call->record.codecs.empty() ? "" : ", ") + said;
        }
    }
    save(*call);
    if (env->settings().record && call->bridge) record_by_policy(call);
}

void Controller::relay_event(const CallPtr& call, const std::string& id, RelayEvent event) {
    auto* stream = call->find_id(id);
    auto* env = environment(*call);
    if (!stream || !env || call->phase == Phase::ended) return;
    const bool needed = stream->needs_relay(call->mode);
    if (event == RelayEvent::silent) {
        stream->silent = true;
        const bool all_silent =
            std::ranges::all_of(call->streams, [](const Stream& each) { return !each.open || each.silent; });
        // A direct call does not use its ports: their silence means nothing.
        const bool waits = call->hold[0].on() || call->hold[1].on();  // who waits need not speak
        if (all_silent && !waits && call->phase == Phase::active && (needed || call->record.path == "forward"))
            end(call, {.condition = "timeout", .text = "no media arrives"}, "media-timeout");
        return;
    }
    if (!stream->open) return;
    stream->open = false;
    stream->lost = true;
    keep(*call);
    if (needed) {
        end(call, {.condition = "connectivity-error", .text = "the media relay is gone"}, "relay-lost");
    } else if (stream->packets() > 0) {
        call->restart_deadline = env->clock().now() + env->settings().restart_grace;  // ICE may find another way
    }
}

}  // namespace carillon::calls
