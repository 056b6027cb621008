/// The controller's answers for a callee who is away, busy or does not answer: voicemail.
/// Spec: XEP-0353 §3 (retract, proceed), XEP-0166 §6.7; docs/voicemail.md.
/// Not here: the answer itself (answering.cpp), who wants it and when (voicemail/office.h).
#include <algorithm>
#include <utility>

#include "config/base/log.h"
#include "signaling/calls/controller.h"
#include "signaling/jingle/build.h"

namespace carillon::calls {
namespace {

constexpr std::chrono::seconds kMargin{10};  // for the answer, before the call is given up

}  // namespace

/// The callee is being called: somebody may have to answer later.
void Controller::consult_stand_in(const CallPtr& call) {
    auto* env = environment(*call);
    const bool follows = call->phase == Phase::initiated && !call->invite_ns.empty();  // it was accepted already
    if (!env || follows || !env->stand_in(call->callee) || call->caller.same_bare(call->callee)) return;
    env->ask_stand_in(call->caller, call->callee.bare(),
                      [self = std::weak_ptr{self_}, call](const std::optional<StandIn>& found) {
                          const auto alive = self.lock();
                          auto* there = alive ? (*alive)->environment(*call) : nullptr;
                          const bool waits = call->phase == Phase::proposed || call->phase == Phase::initiated;
                          if (!there || !found || !waits || call->standing_in) return;
                          call->may_stand_in = true;
                          call->stand_in_at = there->clock().now() + found->after;
                          if (call->ring_deadline)
                              call->ring_deadline = std::max(*call->ring_deadline, *call->stand_in_at + kMargin);
                          if (found->after.count() == 0 && call->phase == Phase::proposed)
                              (*alive)->stand_in(call, {.condition = "timeout", .text = "no answer"});
                      });
}

/// The addressed device is not there.
void Controller::callee_absent(const CallPtr& call) {
    auto* env = environment(*call);
    if (!env) return;
    const auto refuse_it = [this, call] { refuse(call, xmpp::StanzaError::service_unavailable(), "unavailable"); };
    if (!env->stand_in(call->callee) || call->caller.same_bare(call->callee)) return refuse_it();
    await(
        call,
        [&](std::function<void(bool)> done) {
            env->ask_stand_in(call->caller, call->callee.bare(),
                              [done = std::move(done)](const std::optional<StandIn>& found) {
                                  done(found && !found->reachable);  // else the caller may call another device
                              });
        },
        [this, call, refuse_it](bool willing) {
            auto* there = environment(*call);
            auto* endpoint = there && willing ? there->stand_in(call->callee) : nullptr;
            if (!endpoint) return refuse_it();
            call->standing_in = true;
            answer(call, *endpoint);
        });
}

bool Controller::stand_in(const CallPtr& call, const jingle::Reason& why) {
    auto* env = environment(*call);
    auto* endpoint = env && call->may_stand_in && !call->standing_in ? env->stand_in(call->callee) : nullptr;
    if (!endpoint) return false;
    if (call->phase == Phase::proposed) {
        tell_invite(*call, why, Side::caller);  // the callee's devices ring no more
        call->standing_in = true;
        call->stand_in_at.reset();
        call->kept.reset();                                                       // who answers is this process
        call->ring_deadline = env->clock().now() + env->settings().ring_timeout;  // for the session to follow
        answer_proposal(call, call->callee.bare(), *endpoint);
        return true;
    }
    if (call->phase != Phase::initiated || !call->offer) return false;
    if (!call->delivered || call->current) {  // the relay is being asked something
        call->stand_in_at = env->clock().now() + std::chrono::seconds{1};
        return true;
    }
    tell_terminate(*call, Side::callee, why);
    take_over(call, *endpoint);
    return true;
}

/// The callee's client declines because it is busy.
bool Controller::stand_in_for_busy(const CallPtr& call) {
    auto* env = environment(*call);
    const auto& arrival = *call->current;
    const bool busy = arrival.side == Side::callee && arrival.jingle.reason.condition == "busy";
    const bool can = !call->standing_in && call->phase == Phase::initiated && call->offer;
    auto* endpoint = env && busy && can ? env->stand_in(call->callee) : nullptr;
    if (!endpoint || call->caller.same_bare(call->callee)) return false;
    if (!call->may_stand_in) {  // it may just not have said so yet
        env->ask_stand_in(call->caller, call->callee.bare(),
                          [self = std::weak_ptr{self_}, call](const std::optional<StandIn>& found) {
                              const auto alive = self.lock();
                              if (!alive || !call->current || call->phase != Phase::initiated) return;
                              call->may_stand_in = found.has_value();
                              if (!found) call->offer.reset();  // nobody answers
                              (*alive)->work(call);
                          });
        return true;
    }
    acknowledge(*call, arrival.stanza);
    call->current.reset();
    take_over(call, *endpoint);
    return true;
}

/// The session that the caller has begun is answered here, as the callee would have; what the relay had prepared for
/// the two is of no use any more.
void Controller::take_over(const CallPtr& call, Endpoint& endpoint) {
    auto* env = environment(*call);
    if (!env) return;
    log::debug("a call is answered for its callee", {{"call", call->record.id}, {"endpoint", endpoint.name()}});
    env->forget(call->callee, call->key);
    call->gone_deadline[index(Side::callee)].reset();
    call->stand_in_at.reset();
    call->ring_deadline.reset();
    call->standing_in = true;
    std::vector<std::string> open;
    for (auto& stream : call->streams)
        if (std::exchange(stream.open, false)) open.push_back(stream.id);
    call->streams.clear();
    close_streams(call, open);
    call->bridge.reset();
    call->kept.reset();
    call->transcodes = call->reserves = call->may_reoffer = false;
    call->current = *std::exchange(call->offer, std::nullopt);
    answer(call, endpoint);
}

void Controller::busy(const std::string& host, const xmpp::Stanza& message) {
    const auto invite = jingle::parse_invite(message.element());
    auto side = Side::caller;
    const auto call = invite ? find(message.from(), message.to(), invite->id, {}, side) : nullptr;
    const bool rejected = call && side == Side::callee && call->phase == Phase::proposed && !call->standing_in;
    const auto pass = [this, host, message] {
        observe(host, message);
        const auto at = environments_.find(host);
        if (at != environments_.end()) at->second->route(message);
    };
    auto* env = rejected ? environment(*call) : nullptr;
    if (!env || !env->stand_in(call->callee) || call->caller.same_bare(call->callee)) return pass();
    const jingle::Reason why{.condition = "busy", .text = {}};
    if (call->may_stand_in) return stand_in(call, why) ? void() : pass();
    // A client that is busy says so at once, before it is known whether somebody answers for it.
    env->ask_stand_in(call->caller, call->callee.bare(),
                      [self = std::weak_ptr{self_}, call, why, pass](const std::optional<StandIn>& found) {
                          const auto alive = self.lock();
                          if (!alive) return;
                          const bool waits = found && call->phase == Phase::proposed && !call->standing_in;
                          if (waits) call->may_stand_in = true;
                          if (!waits || !(*alive)->stand_in(call, why)) pass();
                      });
}

}  // namespace carillon::calls
