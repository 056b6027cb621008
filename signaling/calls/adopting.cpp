/// The controller across the death of its process: calls are kept as they change, and an earlier life's are gone on
/// with.
#include <utility>

#include "config/base/log.h"
#include "signaling/calls/call_state.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/random_id.h"
#include "signaling/jingle/build.h"

namespace carillon::calls {
namespace {

/// How long a side may stay away from a call whose media does not pass here, where nobody would notice its end.
constexpr std::chrono::minutes kReturn{5};
constexpr std::chrono::seconds kLookForReturn{1};
constexpr std::size_t kFarewells = 10'000;

}  // namespace

void Controller::keep(Call& call) {
    auto* env = environment(call);
    if (!env || call.phase == Phase::ended) return;
    if (call.endpoint || call.standing_in || env->endpoint(call.callee))
        return call.kept.reset();  // who answers is this process: the call ends with it
    auto state = to_state(call, relay_ ? relay_->place(call.record.id) : MediaRelay::Place{});
    const auto hash = std::hash<std::string>{}(state);
    if (call.kept && call.kept_hash == hash) return;
    // The new one stands there before the old one goes.
    call.kept = env->keep(state);
    call.kept_hash = hash;
}

void Controller::adopt(SavedCall saved) {
    const CallPtr call{std::move(saved.call)};
    auto* env = environment(*call);
    if (!env || calls_.contains(call->key)) return;
    const auto now = env->clock().now();
    if (call->phase == Phase::active) {
        const auto answered = call->record.answered.value_or(call->record.started);
        call->answered = now - std::max(env->clock().wall() - answered, WallTime::duration{0});
        call->next_tick = now + env->settings().tick;
    } else {
        call->ring_deadline = now + env->settings().ring_timeout;
    }
    call->away = {true, true};
    call->away_since = now;
    calls_[call->key] = call;
    by_sid_.emplace(call->sid, call);
    std::vector<std::string> open;
    for (const auto& stream : call->streams)
        if (stream.open) open.push_back(stream.id);
    if (!open.empty() && relay_) {
        relay_->adopt(call->record.id, saved.place, open,
                      [self = std::weak_ptr{self_}, call](const std::string& stream, RelayEvent event) {
                          if (const auto alive = self.lock()) (*alive)->relay_event(call, stream, event);
                      });
    } else {
        for (auto& stream : call->streams) stream.open = false;
    }
    fold_counters(*call);
    keep(*call);
    log::info("call goes on in a new process", {{"call", call->record.id}, {"streams", open.size()}});
    env->wake();
}

/// Whether the ends of an adopted call are back. Media that passes here says by its silence when a call is over; of
/// another one nobody would ever hear, if neither comes back.
void Controller::await_return(const CallPtr& call, SteadyTime now) {
    auto* env = environment(*call);
    for (const auto side : {Side::caller, Side::callee}) {
        if (!call->away[index(side)] || call->jid(side).is_bare()) continue;
        env->expect(call->jid(side), call->key, [self = std::weak_ptr{self_}, call, side](bool bound) {
            if (!self.expired() && bound) call->away[index(side)] = false;
        });
    }
    if (!call->away[0] && !call->away[1]) {
        call->away_since.reset();
        return;
    }
    if (call->relays() && call->record.path != "direct") return;
    if (now - *call->away_since < kReturn) return;
    call->away_since.reset();
    const bool both = call->away[0] && call->away[1];
    end(call, {.condition = "gone", .text = "the other side has not come back"}, "gone",
        both ? std::nullopt : std::optional{call->away[0] ? Side::caller : Side::callee});
}

void Controller::tell_later(const Call& call, Side to, const jingle::Reason& reason) {
    auto* env = environment(call);
    if (!env || call.jid(to).is_bare() || farewells_.size() >= kFarewells) return;
    auto iq = xmpp::Stanza::iq("set", std::string{kOwnIqPrefix} + random_id(), call.jid(other(to)), call.jid(to));
    iq.element().append(jingle::make_terminate(call.sid, call.initiator, reason));
    const auto now = env->clock().now();
    farewells_.push_back(std::make_shared<Farewell>(Farewell{call.host, call.key, std::move(iq), now + kReturn, now}));
    env->wake();
}

void Controller::say_farewells() {
    const auto waiting = farewells_;
    for (const auto& farewell : waiting) {
        const auto at = environments_.find(farewell->host);
        if (at == environments_.end()) continue;
        const auto now = at->second->clock().now();
        if (now >= farewell->until) {
            std::erase(farewells_, farewell);
            continue;
        }
        if (now < farewell->next) continue;
        farewell->next = now + kLookForReturn;
        at->second->watch(farewell->iq.to(), farewell->key, [self = std::weak_ptr{self_}, farewell](bool bound) {
            const auto alive = self.lock();
            if (!alive || !bound || std::erase((*alive)->farewells_, farewell) == 0) return;
            const auto there = (*alive)->environments_.find(farewell->host);
            if (there == (*alive)->environments_.end()) return;
            there->second->forget(farewell->iq.to(), farewell->key);
            there->second->route(std::move(farewell->iq));
        });
    }
}

void Controller::shut_down() {
    std::vector<CallPtr> calls;
    for (const auto& [key, call] : calls_) calls.push_back(call);
    for (const auto& call : calls) {
        // A call whose media does not pass here may go on without the server.
        if (call->phase == Phase::active && (!call->relays() || call->record.path == "direct")) {
            finish(call, "shutdown");
        } else {
            end(call, {.condition = "gone", .text = "the server is shut down"}, "shutdown");
        }
    }
}

}  // namespace carillon::calls
