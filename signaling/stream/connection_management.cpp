/// The part of a Connection that manages its stream: acknowledgements, resumption, client state.
/// Spec: XEP-0198, XEP-0352.
#include "signaling/stream/connection.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace {

constexpr std::string_view kRequest = "<r xmlns='urn:xmpp:sm:3'/>";
constexpr std::string_view kStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";

bool is_true(std::string_view value) { return value == "true" || value == "1"; }

xml::Element failed(std::string_view condition) {
    xml::Element answer{"failed", kManagement};
    answer.add(condition, kStanzas);
    return answer;
}

/// §6: more than was sent has been acknowledged.
std::string too_high_text(std::string_view h, std::uint32_t sent) {
    std::string out =
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
        "<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='";
    xml::append_escaped(out, h);
    return out + "' send-count='" + std::to_string(sent) + "'/></stream:error>";
}

}  // namespace

/// An element of stream management or client state, after binding. False: the stream is to end.
bool Connection::manage(const xml::Element& element) {
    if (!session_) return false;
    if (element.ns() == kClientState) {
        if (element.name() != "active" && element.name() != "inactive") {
            fail("unsupported-stanza-type");
            return false;
        }
        set_active(element.name() == "active");
        return true;
    }
    if (element.name() == "enable") {
        output_.push_text(xml::to_string(enable_management(element)));
        schedule_flush();
        return true;
    }
    if (element.name() == "resume") {  // too late: a resource is bound
        output_.push_text(xml::to_string(failed("unexpected-request")));
        schedule_flush();
        return true;
    }
    if (management_ && element.name() == "r") {
        output_.push_text("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(management_->handled_count()) + "'/>");
        schedule_flush();
        return true;
    }
    if (management_ && element.name() == "a") return acknowledged(element);
    fail("unsupported-stanza-type");
    return false;
}

/// §3. The answer is <enabled/> or <failed/>.
xml::Element Connection::enable_management(const xml::Element& request) {
    if (management_) return failed("unexpected-request");
    const auto& options = stage_->options;
    auto patience = options.resume_timeout;
    if (const auto wish = parse_count(request.attribute("max"))) {
        patience = std::min<std::chrono::seconds>(patience, std::chrono::seconds{*wish});
    }
    const bool resumable = is_true(request.attribute("resume")) && patience.count() > 0;
    management_ = std::make_unique<StreamManagement>(resumable ? make_stream_id() : std::string{}, patience);
    xml::Element answer{"enabled", kManagement};
    if (resumable) {
        if (auto* journal = stage_->stages.environment.journal(stage_->shard.index())) {
            management_->remember_in(journal->mark_stream(stream_tag(management_->id()), user_.str(),
                                                          stage_->stages.environment.clock->wall()));
        }
        stage_->resumables.put(management_->id(), *this);
        answer.set("id", management_->id()).set("resume", "true").set("max", std::to_string(patience.count()));
        if (!options.resume_location.empty()) answer.set("location", options.resume_location);
    }
    return answer;
}

/// §5, before a resource is bound. Done: this stream goes on with the old one's session, and replay() is to follow the
/// answer. Refused: the answer says why, and the client may bind. Over: the answer is the stream's last word.
Connection::Resumption Connection::resume(const xml::Element& request, std::string& answer) {
    if (request.name() != "resume") {  // §3: <enable/> comes after binding
        answer = xml::to_string(failed("unexpected-request"));
        return Resumption::refused;
    }
    const std::string id{request.attribute("previd")};
    const auto h = parse_count(request.attribute("h"));
    if (!h || id.empty()) {
        answer = xml::to_string(failed("bad-request"));
        return Resumption::refused;
    }
    auto* carrier = stage_->resumables.find(id);
    if (!carrier || !carrier->carried() || !carrier->carried()->jid().same_bare(user_)) {
        auto refusal = failed("item-not-found");
        auto handled = stage_->resumables.handled_by(id, user_);
        if (const auto before = stage_->recovery.resume(user_, stream_tag(id), *h)) handled = before;
        if (handled) refusal.set("h", std::to_string(*handled));
        stage_->recover(user_);
        answer = xml::to_string(refusal);
        return Resumption::refused;
    }
    if (!carrier->management().acknowledge(*h)) {
        stage_->stream_errors.add();
        answer = wire_.element(too_high_text(request.attribute("h"), carrier->management().sent_count()));
        answer += wire_.close();
        return Resumption::over;
    }
    auto taken = carrier->surrender();
    management_ = std::move(taken.management);
    client_state_ = std::move(taken.state);
    session_ = taken.session;
    session_->attach(*this);
    stage_->resumables.put(id, *this);
    management_->ask_anew();
    if (client_state_) client_state_->set_active(true);  // XEP-0352 §5.1
    phase_ = Phase::session;
    xml::Element resumed{"resumed", kManagement};
    resumed.set("previd", id).set("h", std::to_string(management_->handled_count()));
    answer = xml::to_string(resumed);
    stage_->resumed.add();
    return Resumption::done;
}

/// What the client has not acknowledged goes out again.
void Connection::replay() {
    management_->replay([&](const std::string& text) {
        if (!wire_.framed()) return output_.push_text(text);
        if (const auto stanza = read_back(text)) output_.push(*stanza, false);  // with its namespace, to stand alone
    });
    if (client_state_) {
        for (const auto& held : client_state_->release()) put_out(held, nullptr);
    }
    schedule_flush();
    stage_->stages.sessions.resumed(*session_);
}

bool Connection::acknowledged(const xml::Element& element) {
    const auto h = parse_count(element.attribute("h"));
    if (!h) {
        fail("invalid-xml", "An <a/> needs its h");
        return false;
    }
    if (!management_->acknowledge(*h)) {
        end_stream(too_high_text(element.attribute("h"), management_->sent_count()));
        return false;
    }
    management_->answered();
    if (ask_for_acknowledgement()) schedule_flush();
    return true;
}

/// One <r/> is under way at a time, behind the last stanza of a batch.
bool Connection::ask_for_acknowledgement() {
    const auto now = stage_->stages.environment.clock->now();
    if (!management_ || !management_->should_ask(now) || phase_ != Phase::session) return false;
    output_.push_text(kRequest);
    management_->asked(now);
    return true;
}

void Connection::check_acknowledgement(SteadyTime now) {
    if (!writing_ && !dead_ && ask_for_acknowledgement()) schedule_flush();
    if (!management_ || !management_->asked_since() || phase_ != Phase::session || dead_) return;
    if (now - *management_->asked_since() < stage_->options.ack_timeout) return;
    stage_->ack_timeouts.add();
    lose();
}

/// The connection is lost, the client may come back.
void Connection::hibernate() {
    auto& session = *session_;
    Surrendered held{std::exchange(session_, nullptr), std::move(management_), std::move(client_state_)};
    auto& hibernation = stage_->hibernate(std::move(held), {peer_address_, socket_.is_tls()});
    auto& sessions = stage_->stages.sessions;
    sessions.hibernated(session);
    // What was sent into the dead connection waits as well.
    hibernation.management().for_each_message([&](const xml::Element& message) { sessions.waiting(session, message); });
}

/// §5: somebody resumes the session on another stream while this one seems to live.
Surrendered Connection::surrender() {
    Surrendered given{std::exchange(session_, nullptr), std::move(management_), std::move(client_state_)};
    if (phase_ == Phase::session && !dead_) close("conflict", "The stream has been resumed elsewhere");
    return given;
}

void Connection::set_active(bool active) {
    if (!client_state_ && active) return;
    auto& state = client_state();
    state.set_active(active);
    if (!active) return;
    for (const auto& held : state.release()) put_out(held, nullptr);
}

ClientState& Connection::client_state() {
    if (!client_state_) client_state_ = std::make_unique<ClientState>();
    return *client_state_;
}

}  // namespace carillon::stream
