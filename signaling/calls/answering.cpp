/// The controller's answers in the server's own name: calls at endpoints of the server (echo, voicemail ...). The
/// caller's leg is bridged as any other; instead of a callee there is a media program.
/// Spec: XEP-0166 §6, §7.2; XEP-0353 §3; docs/endpoints.md.
#include <algorithm>
#include <utility>

#include "config/base/log.h"
#include "signaling/calls/controller.h"
#include "signaling/calls/endpoints/answer.h"
#include "signaling/jingle/build.h"
#include "signaling/jingle/namespaces.h"
#include "signaling/jingle/rewrite.h"

namespace carillon::calls {
namespace {

using jingle::Action;

std::size_t running(const auto& calls, const Call& asked, std::string_view endpoint) {
    return static_cast<std::size_t>(std::ranges::count_if(calls, [&](const auto& entry) {
        const auto& call = *entry.second;
        return &call != &asked && call.endpoint_name == endpoint && call.caller.same_bare(asked.caller);
    }));
}

}  // namespace

/// Holds on to nothing: a call that is over is not found any more.
class Controller::Line final : public EndpointLine {
  public:
    Line(std::weak_ptr<Controller*> controller, const CallPtr& call, std::string host)
        : controller_{std::move(controller)},
          call_{call},
          host_{std::move(host)},
          caller_{call->caller},
          address_{call->callee} {}

    const xmpp::Jid& caller() const override { return caller_; }
    const xmpp::Jid& address() const override { return address_; }
    void set(relay::api::Source source, relay::api::Sink sink, std::function<void(bool)> done) override {
        const auto controller = controller_.lock();
        const auto call = call_.lock();
        if (controller && call)
            (*controller)->change_program(call, std::move(source), std::move(sink), std::move(done));
    }
    void hang_up(const jingle::Reason& reason) override {
        const auto controller = controller_.lock();
        const auto call = call_.lock();
        if (controller && call) (*controller)->end(call, reason, reason.condition);
    }
    void send(xmpp::Stanza stanza) override {
        const auto controller = controller_.lock();
        if (!controller) return;
        const auto at = (*controller)->environments_.find(host_);
        if (at != (*controller)->environments_.end()) at->second->route(std::move(stanza));
    }

  private:
    std::weak_ptr<Controller*> controller_;
    std::weak_ptr<Call> call_;
    std::string host_;
    xmpp::Jid caller_, address_;
};

/// XEP-0353: somebody picks up at once.
void Controller::answer_proposal(const CallPtr& call, const xmpp::Jid& bare, const Endpoint& endpoint) {
    auto* env = environment(*call);
    if (!env) return;
    const auto address = bare.with_resource(endpoint.name()).value_or(bare);
    const auto send = [&](const jingle::InviteAction action, const jingle::Reason& reason) {
        auto message = xmpp::Stanza::message(address, call->caller, "chat");
        message.element().append(jingle::make_invite(action, call->invite_ns, call->sid, reason));
        message.element().add("store", "urn:xmpp:hints");
        env->route(std::move(message));
    };
    if (running(calls_, *call, endpoint.name()) >= endpoint.calls_per_user()) {
        send(jingle::InviteAction::reject, {.condition = "busy", .text = {}});
        return finish(call, "busy");
    }
    call->phase = Phase::proceeding;
    call->callee = call->record.callee = address;
    call->endpoint_name = endpoint.name();
    send(jingle::InviteAction::ringing, {});
    send(jingle::InviteAction::proceed, {});
}

void Controller::answer(const CallPtr& call, Endpoint& endpoint) {
    auto* env = environment(*call);
    if (!env) return;
    if (running(calls_, *call, endpoint.name()) >= endpoint.calls_per_user())
        return refuse(call, xmpp::StanzaError::resource_constraint().with_text("too many calls"), "busy");
    if (!relay_) return relay_failed(call);
    const auto& arrival = *call->current;
    const auto offered = manner_of(arrival.jingle);
    auto answer = make_answer(*jingle::find_jingle(arrival.stanza.element()), arrival.jingle, endpoint.returns_video());
    if (!answer || !offered) {
        // XEP-0166 §6.3: the session begins, so that it can be ended with a reason.
        const jingle::Reason none{"unsupported-transports", "no transport that this server speaks"};
        const auto reason = answer ? none : answer.error();
        if (!call->delivered) acknowledge(*call, arrival.stanza);
        tell(*call, Side::caller, jingle::make_terminate(call->sid, call->initiator, reason));
        call->current.reset();
        return finish(call, reason.condition);
    }
    auto made = endpoint.answer(std::make_shared<Line>(self_, call, call->host));
    if (!made) return refuse(call, made.error(), made.error().condition);
    call->endpoint = std::move(*made);
    call->endpoint_name = endpoint.name();
    open_endpoint(call, *offered, std::move(*answer));
}

void Controller::open_endpoint(const CallPtr& call, const Manner& offered, Answer answer) {
    const auto* env = environment(*call);
    const auto& arrival = *call->current;
    if (call->mode == RelayMode::never) call->mode = RelayMode::fallback;  // nobody else has media here
    call->bridge = {offered, Manner{.ice = offered.ice, .protection = Protection::none, .must_encrypt = false}};
    call->bundle_offered = arrival.jingle.bundle() != nullptr;
    const auto& limits = env->settings().limits;
    auto tasks = plan_media(*call, Side::caller, arrival.jingle, limits);
    if (!tasks) return plan_failed(call, tasks.error());
    // The answer is known: what it leaves out or bundles needs no ports.
    const auto answered = jingle::parse(answer.jingle, limits);
    if (!answered || !plan_media(*call, Side::callee, *answered, limits)) return plan_failed(call, PlanFault::security);
    settle_media(*call, *answered);
    std::erase_if(*tasks, [&](const RelayTask& task) {
        const auto* stream = call->find_id(task.stream);
        return !stream || stream->bundled;
    });
    set_programs(*call, answer);
    perform(call, std::move(*tasks), 0, [this, call, answer = std::move(answer), answered = *answered](bool done) {
        if (call->phase == Phase::ended) return;
        if (!done) return relay_failed(call);
        accept_for_endpoint(call, answer, answered);
    });
}

/// The sound is for the program, video turns back at once, whichever transports they came by.
void Controller::set_programs(Call& call, const Answer& answer) {
    const auto carrier = [&](const std::string& content) {
        auto* stream = call.find({}, content);
        return stream && stream->bundled ? call.find_id(stream->carrier) : stream;
    };
    for (const auto& video : answer.video) {
        auto* stream = carrier(video.content);
        if (!stream) continue;
        stream->program.kind = relay::api::Program::Kind::endpoint;
        stream->program.returned.insert(stream->program.returned.end(), video.payload_types.begin(),
                                        video.payload_types.end());
    }
    if (auto* stream = carrier(answer.audio)) {
        stream->program.kind = relay::api::Program::Kind::endpoint;
        stream->program.a = answer.format;
        stream->program.source = call.endpoint->source();
        stream->program.sink = call.endpoint->sink();
    }
}

void Controller::accept_for_endpoint(const CallPtr& call, const Answer& answer, const jingle::Jingle& answered) {
    auto* env = environment(*call);
    if (!env) return;
    if (!call->delivered) acknowledge(*call, call->current->stanza);
    auto element = answer.jingle;
    element.set("initiator", call->initiator).set("responder", call->callee.str());
    rewrite_media(*call, Side::callee, answered, element);
    call->delivered = true;
    tell(*call, Side::caller, std::move(element));
    mark_answered(call, answered);
    log::debug("the server answers a call", {{"call", call->record.id}, {"endpoint", call->endpoint_name}});
    call->endpoint->began();
    if (call->phase != Phase::ended) next(call);
}

/// What a caller says later. False: it is about its transport, as with any bridged call.
bool Controller::at_endpoint(const CallPtr& call) {
    auto arrival = *std::exchange(call->current, std::nullopt);
    const auto& jingle = arrival.jingle;
    if (arrival.side == Side::callee) {  // somebody answers for them already
        reply_error(*call, arrival.stanza, xmpp::StanzaError::item_not_found());
        next(call);
        return true;
    }
    switch (jingle.action) {
        case Action::session_terminate: {
            acknowledge(*call, arrival.stanza);
            finish(call, jingle.reason.condition.empty() ? "success" : jingle.reason.condition);
            return true;
        }
        case Action::transport_info:
        case Action::transport_replace:
            call->current = std::move(arrival);
            return false;
        case Action::content_add:
            acknowledge(*call, arrival.stanza);
            for (const auto& content : jingle.contents) tell(*call, Side::caller, reject_content(*call, content));
            break;
        case Action::content_remove:
            acknowledge(*call, arrival.stanza);
            close_streams(call, settle_media(*call, jingle));
            if (!call->relays()) {
                end(call, {.condition = "success", .text = {}}, "success");
                return true;
            }
            break;
        case Action::session_info:
        case Action::description_info:
        case Action::content_modify:
        case Action::security_info:
            acknowledge(*call, arrival.stanza);
            break;
        case Action::other:
            reply_error(*call, arrival.stanza, xmpp::StanzaError::feature_not_implemented());
            break;
        default:
            reply_error(*call, arrival.stanza, xmpp::StanzaError::bad_request().with_text("nothing was offered"));
            break;
    }
    next(call);
    return true;
}

xml::Element Controller::reject_content(const Call& call, const jingle::Content& content) {
    xml::Element element{"jingle", jingle::ns::kJingle};
    element.set("action", "content-reject").set("sid", call.sid);
    element.add("content", jingle::ns::kJingle).set("creator", content.creator).set("name", content.name);
    element.append(jingle::make_reason({.condition = "unsupported-applications", .text = {}}));
    return element;
}

void Controller::change_program(const CallPtr& call, relay::api::Source source, relay::api::Sink sink,
                                std::function<void(bool)> done) {
    const auto stream = std::ranges::find_if(call->streams, [](const Stream& each) {
        return each.open && each.program.kind == relay::api::Program::Kind::endpoint && !each.program.a.codec.empty();
    });
    if (stream == call->streams.end() || !relay_) return done ? done(false) : void();
    stream->program.source = std::move(source);
    stream->program.sink = std::move(sink);
    relay_->set_program(call->record.id, stream->id, stream->program, [done = std::move(done)](bool changed) {
        if (done) done(changed);
    });
}

void Controller::program_event(const CallPtr& call, const ProgramEvent& event) {
    if (!call->endpoint) return;
    const auto keep = call;  // the program may end it
    if (event.kind == ProgramEvent::Kind::failed) {
        log::warning("a media program has failed", {{"call", call->record.id}, {"why", event.reason}});
        return end(keep, {.condition = "media-error", .text = {}}, "media-error");
    }
    keep->endpoint->on_event(event);
}

/// The worker has told all: the program may draw its sum.
void Controller::endpoint_ended(const CallPtr& call) {
    if (!call->endpoint) return;
    EndpointFigures figures{.record = call->record,
                            .heard = sum_of(*call, Side::caller),
                            .told = sum_of(*call, Side::callee),
                            .transport = call->bridge ? to_string((*call->bridge)[index(Side::caller)]) : ""};
    if (call->record.answered && call->record.ended)
        figures.duration =
            std::chrono::duration_cast<std::chrono::milliseconds>(*call->record.ended - *call->record.answered);
    const auto program = std::move(call->endpoint);
    program->ended(figures);
}

}  // namespace carillon::calls
