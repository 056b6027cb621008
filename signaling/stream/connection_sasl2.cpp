/// The part of a Connection between a log-in by the extensible profile and the session: resumption and binding at once,
/// and one <success/> that tells of it all.
/// Spec: XEP-0388 §2.6.1, XEP-0386 §3.2, XEP-0198 §8, XEP-0352 §4 (inline).
#include "config/base/log.h"
#include "signaling/stream/connection.h"
#include "signaling/stream/inline_features.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

/// False: the connection has ended. On the owner's shard, on the stream that is open already: it is not restarted.
awaitable<bool> Connection::finish_log_in() {
    const auto login = std::move(sasl2_);
    std::string inside;
    if (login->resume) {
        // XEP-0386 §3.2: first; a resumed session has its resource, and <bind/> counts no more.
        const auto outcome = resume(*login->resume, inside);
        if (outcome == Resumption::over) {
            const bool told = co_await write(std::move(inside));
            if (told) socket_.shutdown_send();
            co_await linger();
            co_return false;
        }
        if (outcome == Resumption::done) {
            output_.push_text(sasl2_success_text(*login, session_->jid().str(), inside));
            output_.push_text(features_text(features_after_binding(), wire_.framed()));
            replay();
            co_return true;
        }
    }
    if (login->bind) {
        auto bound = co_await bind_inline(*login);
        if (dead_ || phase_ == Phase::closing) co_return false;
        if (bound) {
            auto text =
                wire_.element(sasl2_success_text(*login, session_->jid().str(), inside + xml::to_string(*bound)));
            text += wire_.features(features_after_binding());
            const bool told = co_await write(std::move(text));
            if (told) flush();  // what has come for the session meanwhile
            co_return told;
        }
    }
    auto text = wire_.element(sasl2_success_text(*login, user_.str(), inside));
    text += wire_.features(features_after_log_in());
    co_return co_await await_binding(std::move(text));
}

/// Binds and does what <bind/> asks for; the answer is <bound/>. Nothing: it is refused, and the client may bind as of
/// old, which tells it why.
awaitable<std::optional<xml::Element>> Connection::bind_inline(const Sasl2Login& login) {
    auto* host = stage_->stages.environment.host(stage_->shard.index(), domain_);
    auto user = user_;
    auto resource = inline_resource(login, user_.str(), stage_->options.decoy_secret);
    auto session = co_await stage_->stages.sessions.bind(*host, std::move(user), std::move(resource), *this);
    if (!session) co_return std::nullopt;
    session_ = *session;
    stage_->recover(user_);
    if (dead_ || phase_ == Phase::closing) {
        end_session();
        co_return std::nullopt;
    }
    phase_ = Phase::session;
    writing_ = true;  // nothing goes out before <success/>
    auto& client = session_->slots().get<session::ClientSoftware>();
    client = login.client;
    client.synchronises = stage_->stages.environment.clock->wall();
    end_earlier_sessions();
    xml::Element bound{"bound", kBind2};
    for (const auto* child : login.bind->children()) {
        if (child->is("enable", kManagement)) bound.append(enable_management(*child));
        if (child->is("inactive", kClientState)) set_active(false);
    }
    auto full = session_->jid();
    log::debug("session bound", {{"jid", full.str()}, {"peer", peer_address_}});
    co_await perform_inline(*host, std::move(full), *login.bind, bound);
    writing_ = false;
    if (!session_ || phase_ != Phase::session) flush();  // somebody has ended it meanwhile: its last words
    co_return bound;
}

/// XEP-0386 §3.2: other sessions of this installation are left over from before.
void Connection::end_earlier_sessions() {
    const auto& id = session_->slots().get<session::ClientSoftware>().id;
    auto* account = stage_->stages.sessions.find(user_);
    if (id.empty() || !account) return;
    std::vector<session::LocalSession*> earlier;
    for (const auto& other : account->local_sessions()) {
        const auto* client = other->slots().find<session::ClientSoftware>();
        if (other.get() != session_ && client && client->id == id) earlier.push_back(other.get());
    }
    for (auto* other : earlier) {
        other->close("conflict", "The client has a new session");
        stage_->stages.sessions.end(*other);
    }
}

}  // namespace carillon::stream
