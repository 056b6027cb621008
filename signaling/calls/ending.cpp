/// The controller's ends: who is told what, what the record says; and the clock that brings some of them about.
#include <utility>

#include "config/base/log.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/random_id.h"
#include "signaling/jingle/build.h"

namespace carillon::calls {
namespace {

std::string own_iq_id() { return std::string{kOwnIqPrefix} + random_id(); }

}  // namespace

void Controller::save(const Call& call) {
    auto* env = environment(call);
    if (!env) return;
    env->save(call.record);
    if (call.record.ended && call.answered && !call.sound.id.empty()) env->save_quality(call.sound);
}

/// With counters that have just come.
void Controller::judge(Call& call) {
    const auto* env = environment(call);
    if (!env || !call.answered) return;
    const auto passed = env->clock().now() - *call.answered;
    const auto before = call.trouble.kind;
    look_for_trouble(call, static_cast<std::uint64_t>(std::max<std::int64_t>(
                               std::chrono::duration_cast<std::chrono::milliseconds>(passed).count(), 0)));
    if (call.trouble.kind != before && call.trouble.kind != AudioTrouble::Kind::none)
        log::warning("trouble with the sound of a call", {{"call", call.record.id}, {"what", to_string(call.trouble)}});
}

CallFacts Controller::facts(const Call& call) {
    const auto* env = environment(call);
    CallFacts facts{.id = call.record.id, .caller = call.caller, .callee = call.callee};
    if (env && call.answered)
        facts.duration = std::chrono::duration_cast<std::chrono::seconds>(env->clock().now() - *call.answered);
    facts.bytes = call.record.bytes_to_callee + call.record.bytes_to_caller;
    return facts;
}

void Controller::refuse(const CallPtr& call, const xmpp::StanzaError& error, std::string_view why) {
    if (call->standing_in && call->delivered) {  // the callee's client has acknowledged the session already
        call->current.reset();
        return end(call, {.condition = "timeout", .text = "no answer"}, why, Side::callee);
    }
    reply_error(*call, call->current->stanza, error);
    for (const auto& waiting : call->waiting) reply_error(*call, waiting.stanza, xmpp::StanzaError::item_not_found());
    call->waiting.clear();
    finish(call, why);
}

void Controller::tell(const Call& call, Side to, xml::Element jingle) {
    auto* env = environment(call);
    if (!env || (to == Side::callee && call.endpoint)) return;  // which is the server itself
    auto iq = xmpp::Stanza::iq("set", own_iq_id(), call.jid(other(to)), call.jid(to));
    iq.element().append(std::move(jingle));
    export_stanza(call, iq);
    env->route(std::move(iq));
}

void Controller::tell_terminate(const Call& call, Side to, const jingle::Reason& reason) {
    if (call.away[index(to)]) return tell_later(call, to, reason);
    tell(call, to, jingle::make_terminate(call.sid, call.initiator, reason));
}

/// XEP-0353: the caller's device sees its proposal rejected, the callee's devices see it retracted.
void Controller::tell_invite(const Call& call, const jingle::Reason& reason, std::optional<Side> absent) {
    auto* env = environment(call);
    if (!env) return;
    const auto send = [&](const xmpp::Jid& from, const xmpp::Jid& to, jingle::InviteAction action) {
        auto message = xmpp::Stanza::message(from, to, "chat");
        message.element().append(jingle::make_invite(action, call.invite_ns, call.sid, reason));
        message.element().add("store", "urn:xmpp:hints");
        env->route(std::move(message));
    };
    if (absent != Side::caller) send(call.callee.bare(), call.caller, jingle::InviteAction::reject);
    if (absent != Side::callee) send(call.caller, call.callee.bare(), jingle::InviteAction::retract);
}

void Controller::end(const CallPtr& call, const jingle::Reason& reason, std::string_view why,
                     std::optional<Side> absent) {
    if (call->phase == Phase::ended) return;
    if (call->delivered) {
        for (const auto side : {Side::caller, Side::callee})
            if (absent != side) tell_terminate(*call, side, reason);
        if (call->current) reply_error(*call, call->current->stanza, xmpp::StanzaError::item_not_found());
        for (const auto& waiting : call->waiting)
            reply_error(*call, waiting.stanza, xmpp::StanzaError::item_not_found());
        call->waiting.clear();
        return finish(call, why);
    }
    if (!call->invite_ns.empty()) tell_invite(*call, reason, absent);
    if (call->current) {  // session-initiate still waits for the relay: its answer is the word
        return refuse(call, xmpp::StanzaError::service_unavailable().with_text(reason.text), why);
    }
    finish(call, why);
}

void Controller::finish(const CallPtr& call, std::string_view why) {
    if (call->phase == Phase::ended) return;
    call->phase = Phase::ended;
    call->kept.reset();
    call->pending = nullptr;
    ++call->step;
    auto* env = environment(*call);
    if (env) {
        call->record.ended = env->clock().wall();
        env->forget(call->caller, call->key);
        env->forget(call->callee, call->key);
    }
    call->record.reason = std::string{why};
    fold_counters(*call);
    std::vector<std::string> open;
    for (auto& stream : call->streams) {
        if (!std::exchange(stream.open, false)) continue;
        open.push_back(stream.id);
    }
    // Written at once, and again when the worker has told its last figures.
    save(*call);
    close_streams(call, open);
    const auto [first, last] = by_sid_.equal_range(call->sid);
    for (auto at = first; at != last; ++at) {
        if (at->second.lock() != call) continue;
        by_sid_.erase(at);
        break;
    }
    for (auto& waiting : std::exchange(call->waiting, {})) pass_stray(call->host, std::move(waiting.stanza));
    if (call->endpoint && !call->invite_ns.empty() && call->answered) tell_finished(*call);
    if (open.empty()) endpoint_ended(call);
    calls_.erase(call->key);
    log::info("call ended", {{"call", call->record.id}, {"reason", call->record.reason}, {"path", call->record.path}});
}

/// XEP-0353 §3.6: both parties say that it is over, so that archives know.
void Controller::tell_finished(const Call& call) {
    auto* env = environment(call);
    if (!env) return;
    auto message = xmpp::Stanza::message(call.callee, call.caller, "chat");
    message.element().append(jingle::make_invite(jingle::InviteAction::finish, call.invite_ns, call.sid,
                                                 {.condition = "success", .text = {}}));
    message.element().add("store", "urn:xmpp:hints");
    env->route(std::move(message));
}

void Controller::close_streams(const CallPtr& call, const std::vector<std::string>& streams) {
    if (!relay_) return;
    const bool ended = call->phase == Phase::ended;
    if (ended) call->closing += streams.size();
    for (const auto& id : streams) {
        relay_->close(call->record.id, id,
                      [self = std::weak_ptr{self_}, call, ended](const std::vector<StreamCounters>& counters) {
                          const auto alive = self.lock();
                          if (!alive) return;
                          const bool last_one = ended && --call->closing == 0;
                          for (const auto& last : counters) {
                              if (auto* stream = call->find_id(last.stream)) {
                                  stream->last = last;
                              } else {
                                  add_past(*call, last);
                              }
                          }
                          (*alive)->judge(*call);
                          fold_counters(*call);
                          if (call->phase == Phase::ended && !counters.empty()) (*alive)->save(*call);
                          if (last_one) endpoint_ended(call);
                      });
    }
}

void Controller::session_gone(const xmpp::Jid& full, const std::string& key) {
    const auto at = calls_.find(key);
    if (at == calls_.end()) return;
    const auto call = at->second;
    const auto* env = environment(*call);
    if (!env) return;
    const auto side = full == call->caller ? Side::caller : Side::callee;
    if (call->jid(side) != full) return;
    call->gone_deadline[index(side)] = env->clock().now() + env->settings().gone_grace;
}

void Controller::poll() {
    std::vector<CallPtr> calls;
    calls.reserve(calls_.size());
    for (const auto& [key, call] : calls_) calls.push_back(call);
    for (const auto& call : calls)
        if (const auto* env = environment(*call)) poll_call(call, env->clock().now());
    say_farewells();
    if ((!calls_.empty() || !farewells_.empty()) && !environments_.empty()) environments_.begin()->second->wake();
}

void Controller::poll_call(const CallPtr& call, SteadyTime now) {
    const auto due = [now](std::optional<SteadyTime>& deadline) {
        if (!deadline || now < *deadline) return false;
        deadline.reset();
        return true;
    };
    if (due(call->step_deadline) && call->pending) {
        log::warning("no answer within the time that a call may wait", {{"call", call->record.id}});
        ++call->step;
        std::exchange(call->pending, nullptr)(false);
    }
    for (const auto side : {Side::caller, Side::callee}) {
        if (call->phase == Phase::ended || !due(call->gone_deadline[index(side)])) continue;
        if (side == Side::callee && stand_in(call, {.condition = "gone", .text = {}})) continue;
        end(call, {.condition = "gone", .text = "the other side has lost its connection"}, "gone", side);
    }
    if (call->phase == Phase::ended) return;
    if (due(call->stand_in_at) && stand_in(call, {.condition = "timeout", .text = "no answer"})) return;
    if (due(call->ring_deadline)) return end(call, {.condition = "timeout", .text = "no answer"}, "timeout");
    if (due(call->restart_deadline))
        return end(call, {.condition = "connectivity-error", .text = "the media relay is gone"}, "relay-lost");
    if (call->away_since) await_return(call, now);
    if (call->phase == Phase::ended) return;
    if (due(call->next_tick)) tick(call);
}

void Controller::tick(const CallPtr& call) {
    auto* env = environment(*call);
    const auto& settings = env->settings();
    call->next_tick = env->clock().now() + settings.tick;
    const auto now = facts(*call);
    if (settings.max_duration.count() > 0 && now.duration >= settings.max_duration)
        return end(call, {.condition = "expired", .text = "the longest time for a call is over"}, "max-duration");
    if (const auto reason = env->policy().check(now)) return end(call, *reason, reason->condition);
    if (!relay_ || !call->relays()) return fold_counters(*call);
    relay_->count(call->record.id, [self = std::weak_ptr{self_}, call](const std::vector<StreamCounters>& counters) {
        const auto alive = self.lock();
        for (const auto& now_counted : counters) {
            auto* stream = call->find_id(now_counted.stream);
            if (!stream) continue;
            const auto before = stream->packets();
            stream->last = now_counted;
            if (stream->packets() > before) stream->silent = false;
        }
        if (!alive || call->phase == Phase::ended) return;
        (*alive)->judge(*call);
        (*alive)->export_counters(*call);
        fold_counters(*call);
    });
}

}  // namespace carillon::calls
