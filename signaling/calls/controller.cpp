#include "signaling/calls/controller.h"

#include <algorithm>

#include "config/base/log.h"
#include "signaling/calls/random_id.h"
#include "signaling/jingle/namespaces.h"
#include "signaling/jingle/rewrite.h"

namespace carillon::calls {
namespace {

std::string stream_state(const Call& call, const Stream& stream) {
    if (stream.bundled) return "bundled";
    if (stream.lost) return "lost";
    if (!stream.open) return "direct";
    if (stream.bridged()) return "bridged";
    return stream.packets() > 0 || stream.needs_relay(call.mode) ? "relayed" : "direct";
}

std::string transport_of(const Call& call, const Stream& stream) {
    if (!stream.bridged()) return stream.ice ? "ice-udp" : "raw-udp";
    if (!call.endpoint_name.empty())
        return to_string(stream.leg(Side::caller).said.bridge->manner) + " | " + call.endpoint_name;
    return to_string(stream.leg(Side::caller).said.bridge->manner) + " | " +
           to_string(stream.leg(Side::callee).said.bridge->manner);
}

}  // namespace

Controller::Controller(MediaRelay* relay, TapBooks* books, CallExporter* exporter)
    : relay_{relay}, books_{books}, exporter_{exporter} {
    if (relay_) relay_->on_tap_ended([this](const std::string& call, const TapStatus& tap) { tap_ended(call, tap); });
    if (relay_ && exporter_)
        relay_->on_rtcp([this](const std::string& call, const MediaRelay::Rtcp& report) { export_rtcp(call, report); });
}

Controller::~Controller() {
    if (relay_) relay_->on_tap_ended({});
    if (relay_) relay_->on_rtcp({});
    for (const auto& [key, call] : calls_) call->pending = nullptr;  // it holds the call
}

void Controller::attach(const std::string& host, Environment& env) {
    environments_[host] = &env;
    if (!calls_.empty()) env.wake();
}

void Controller::detach(const std::string& host) { environments_.erase(host); }

Environment* Controller::environment(const Call& call) {
    const auto at = environments_.find(call.host);
    return at == environments_.end() ? nullptr : at->second;
}

Controller::CallPtr Controller::find(const xmpp::Jid& from, const xmpp::Jid& to, std::string_view sid,
                                     std::string_view initiator, Side& side) {
    CallPtr best;
    const auto [first, last] = by_sid_.equal_range(std::string{sid});
    for (auto at = first; at != last; ++at) {
        const auto call = at->second.lock();
        if (!call) continue;
        const auto is = [](const xmpp::Jid& known, const xmpp::Jid& jid) {
            return known == jid || (known.is_bare() && jid.same_bare(known));
        };
        const bool from_caller = from == call->caller && (is(call->callee, to) || to == call->callee.bare());
        const bool from_callee = is(call->callee, from) && (to == call->caller || to == call->caller.bare());
        if (!from_caller && !from_callee) continue;
        // Two sessions of one sid may cross (XEP-0166 §7.2.16): the initiator's name, then the further one, decides.
        const bool named = !initiator.empty() && (initiator == call->initiator || initiator == call->caller.str());
        if (best && !named && best->phase >= call->phase) continue;
        best = call;
        side = from_caller ? Side::caller : Side::callee;
        if (named) break;
    }
    return best;
}

Controller::CallPtr Controller::make(const std::string& host, Environment& env, const xmpp::Jid& caller,
                                     const xmpp::Jid& callee, std::string_view sid, Phase phase) {
    auto call = std::make_shared<Call>();
    call->key = call_key(caller, sid);
    call->sid = sid;
    call->initiator = caller.str();
    call->host = host;
    call->caller = caller;
    call->callee = callee;
    call->phase = phase;
    call->mode = env.settings().relay;
    // Whoever of the two hosts hides addresses, hides both: one side's candidates are the other's business.
    if (const auto at = environments_.find(std::string{callee.domain()});
        at != environments_.end() && at->second->settings().relay == RelayMode::always)
        call->mode = RelayMode::always;
    call->tcp.fill(env.settings().ice_tcp_to_all);
    call->line[index(Side::caller)] = static_cast<unsigned>(env.settings().leg_bandwidth);
    if (const auto at = environments_.find(std::string{callee.domain()}); at != environments_.end())
        call->line[index(Side::callee)] = static_cast<unsigned>(at->second->settings().leg_bandwidth);
    call->ring_deadline = env.clock().now() + env.settings().ring_timeout;
    call->record.id = random_id();
    call->record.host = host;
    call->record.caller = caller;
    call->record.callee = callee;
    call->record.started = env.clock().wall();
    calls_[call->key] = call;
    by_sid_.emplace(call->sid, call);
    env.watch(caller, call->key, [self = std::weak_ptr{self_}, caller, key = call->key](bool bound) {
        if (const auto alive = self.lock(); alive && !bound) (*alive)->session_gone(caller, key);
    });
    env.wake();
    return call;
}

void Controller::take(const std::string& host, xmpp::Stanza iq) {
    const auto at = environments_.find(host);
    const auto* element = jingle::find_jingle(iq.element());
    if (at == environments_.end() || !element) return;
    auto& env = *at->second;
    auto parsed = jingle::parse(*element, env.settings().limits);
    if (!parsed) {
        if (element->attribute("action") == "session-initiate")
            for (const auto& user : {iq.from(), iq.to()})
                env.forget(user, call_key(iq.from(), element->attribute("sid")));
        if (parsed.error() == Errc::too_large) {
            env.reply_error(iq, xmpp::StanzaError::policy_violation().with_text("too many contents or candidates"));
        } else {
            pass_stray(host, std::move(iq));  // the addressee's client says what is wrong with it
        }
        return;
    }
    auto side = Side::caller;
    CallPtr call;
    if (parsed->action == jingle::Action::session_initiate) {
        const auto known = calls_.find(call_key(iq.from(), parsed->sid));
        call = known == calls_.end() ? nullptr : known->second;
        if (call && (call->phase >= Phase::initiated || !call->callee.same_bare(iq.to()))) {
            env.reply_error(iq, xmpp::StanzaError::conflict().with_text("this session exists already"));
            return;
        }
        if (!call) call = make(host, env, iq.from(), iq.to(), parsed->sid, Phase::initiated);
        call->phase = Phase::initiated;
        call->callee = call->record.callee = iq.to();
        if (!parsed->initiator.empty()) call->initiator = parsed->initiator;
        if (call->invite_ns.empty()) save(*call);
    } else {
        call = find(iq.from(), iq.to(), parsed->sid, parsed->initiator, side);
    }
    if (!call) return pass_stray(host, std::move(iq));
    call->gone_deadline[index(side)].reset();  // it is there after all
    call->away[index(side)] = false;
    export_stanza(*call, iq);
    enqueue(call, Arrival{std::move(iq), std::move(*parsed), side});
}

void Controller::pass_stray(const std::string& host, xmpp::Stanza iq) {
    const auto at = environments_.find(host);
    if (at == environments_.end()) return;
    // Late stanzas of a session that has ended tell addresses as well.
    if (at->second->settings().relay == RelayMode::always)
        if (auto* element = jingle::find_jingle(iq.element())) jingle::remove_candidates(*element);
    at->second->route(std::move(iq));
}

void Controller::observe(const std::string& host, const xmpp::Stanza& message) {
    const auto at = environments_.find(host);
    const auto invite = jingle::parse_invite(message.element());
    if (at == environments_.end() || !invite) return;
    auto& env = *at->second;
    using jingle::InviteAction;
    if (invite->action == InviteAction::propose) {
        if (message.from().is_bare() || calls_.contains(call_key(message.from(), invite->id))) return;
        const auto call = make(host, env, message.from(), message.to().bare(), invite->id, Phase::proposed);
        call->invite_ns = invite->ns;
        export_stanza(*call, message);
        save(*call);
        if (const auto* endpoint = env.endpoint(message.to()))
            return answer_proposal(call, message.to().bare(), *endpoint);
        consult_stand_in(call);
        return keep(*call);
    }
    auto side = Side::caller;
    const auto call = find(message.from(), message.to(), invite->id, {}, side);
    if (!call || call->phase > Phase::proceeding) return;
    export_stanza(*call, message);
    if (call->standing_in && side == Side::callee) return;  // too late
    if (invite->action == InviteAction::ringing && side == Side::callee) call->ringing = true;
    if ((invite->action == InviteAction::proceed || invite->action == InviteAction::accept) && side == Side::callee) {
        call->phase = Phase::proceeding;
        call->callee = message.from();
        call->stand_in_at.reset();
        call->ring_deadline = env.clock().now() + env.settings().ring_timeout;  // for the session to follow
        keep(*call);
    }
    const auto why = invite->reason.condition;
    if (invite->action == InviteAction::reject && side == Side::callee) finish(call, why.empty() ? "decline" : why);
    if (invite->action == InviteAction::retract && side == Side::caller) finish(call, why.empty() ? "cancel" : why);
    if (invite->action == InviteAction::finish) finish(call, why.empty() ? "success" : why);
}

void Controller::failed(const xmpp::Jid& from, const xmpp::Jid& to, std::string_view id, std::string_view condition) {
    for (const auto& [key, call] : calls_) {
        if (call->initiate_id != id || call->caller != to || call->callee != from) continue;
        if (call->phase == Phase::initiated && call->delivered) {
            // XEP-0166 §6.3: an error answer to session-initiate means there is no session.
            return finish(CallPtr{call}, condition);
        }
    }
}

bool Controller::hang_up(std::string_view id, const jingle::Reason& reason) {
    const auto at = std::ranges::find_if(calls_, [&](const auto& entry) { return entry.second->record.id == id; });
    if (at == calls_.end()) return false;
    const auto call = at->second;
    end(call, reason, "operator");
    return true;
}

std::vector<CallInfo> Controller::list() const {
    std::vector<CallInfo> out;
    for (const auto& [key, call] : calls_) {
        CallInfo info{.record = call->record,
                      .state = std::string{to_string(call->phase)},
                      .sid = call->sid,
                      .relay = std::string{to_string(call->mode)},
                      .duration = {},
                      .streams = {},
                      .sound = call->sound,
                      .trouble = to_string(call->trouble),
                      .recording = !call->recording.empty()};
        if (call->ringing && call->phase != Phase::active) info.state = "ringing";
        const auto env = environments_.find(call->host);
        if (call->answered && env != environments_.end()) {
            info.duration =
                std::chrono::duration_cast<std::chrono::seconds>(env->second->clock().now() - *call->answered);
        }
        for (const auto& stream : call->streams) {
            info.streams.push_back({.content = stream.name,
                                    .transport = transport_of(*call, stream),
                                    .state = stream_state(*call, stream),
                                    .ports = stream.ports,
                                    .counters = stream.last});
        }
        out.push_back(std::move(info));
    }
    return out;
}

void Controller::reply_error(const Call& call, const xmpp::Stanza& request, const xmpp::StanzaError& error) {
    if (auto* env = environment(call)) env->reply_error(request, error);
}

void Controller::acknowledge(const Call& call, const xmpp::Stanza& request) {
    if (auto* env = environment(call)) env->route(xmpp::Stanza::result_of(request));
}

}  // namespace carillon::calls
