#include "media/phone/session.h"

#include <algorithm>
#include <cctype>

namespace carillon::phone {
namespace {

constexpr std::size_t kMaxWaiting = 64;  // remote candidates kept until the call is accepted

JingleError out_of_order() { return {"wait", "unexpected-request", "out-of-order"}; }
JingleError bad_request() { return {"modify", "bad-request", ""}; }
template <class Range, class Value>
bool has(const Range& range, const Value& value) {
    return std::ranges::find(range, value) != range.end();
}

JingleError unknown_session() { return {"cancel", "item-not-found", "unknown-session"}; }

bool same_codec(const PayloadType& a, const PayloadType& b) {
    return a.clockrate == b.clockrate && std::ranges::equal(a.name, b.name, [](unsigned char x, unsigned char y) {
               return std::tolower(x) == std::tolower(y);
           });
}

/// RFC 3551 table 4: payload types 0 and 8 may come without a name.
PayloadType named(PayloadType type) {
    if (type.name.empty() && type.id == 0) type.name = "PCMU";
    if (type.name.empty() && type.id == 8) type.name = "PCMA";
    if (type.name.empty() && type.id == 9) type.name = "G722";
    return type;
}

}  // namespace

Session::Session(SessionObserver& observer, Role role, std::string sid, std::string self, std::string peer,
                 Preferences preferences)
    : observer_{observer},
      role_{role},
      sid_{std::move(sid)},
      self_{std::move(self)},
      peer_{std::move(peer)},
      preferences_{std::move(preferences)} {}

void Session::initiate(const TransportInfo& local) {
    if (state_ != State::idle || role_ != Role::initiator) return;
    state_ = State::offered;
    agreement_.remote.kind = local.kind;
    bundled_ = local.kind == TransportKind::ice_udp;
    auto out = message(Action::session_initiate);
    out.contents.push_back(own_content(preferences_.payload_types, local));
    if (bundled_) out.bundle.push_back(content_);
    observer_.send(out);
}

void Session::ring() {
    if (state_ != State::incoming) return;
    auto out = message(Action::session_info);
    out.info = "ringing";
    observer_.send(out);
}

void Session::inform(const std::string& info) {
    if (state_ != State::active) return;
    auto out = message(Action::session_info);
    out.info = info;
    observer_.send(out);
}

void Session::accept(const TransportInfo& local) {
    if (state_ != State::incoming) return;
    // XEP-0166 §6.5: contents that stay out are removed before the rest is accepted.
    if (!unwanted_.empty()) {
        auto removal = message(Action::content_remove);
        for (const auto& name : unwanted_) {
            Content content;
            content.creator = "initiator";
            content.name = name;
            removal.contents.push_back(std::move(content));
        }
        observer_.send(removal);
    }
    state_ = State::active;
    auto out = message(Action::session_accept);
    out.contents.push_back(own_content({agreement_.codec}, local));
    if (bundled_) out.bundle.push_back(content_);
    observer_.send(out);
    observer_.on_agreed(agreement_);
}

void Session::add_candidates(const TransportInfo& local) {
    if (state_ == State::idle || state_ == State::ended) return;
    auto out = message(Action::transport_info);
    Content content;
    content.creator = creator_;
    content.name = content_;
    content.transport = local;
    content.transport->fingerprint.reset();  // said once, in the description of the offer or answer
    out.contents.push_back(std::move(content));
    observer_.send(out);
}

void Session::terminate(const std::string& reason, const std::string& text) {
    if (state_ == State::ended) return;
    if (state_ != State::idle) {
        auto out = message(Action::session_terminate);
        out.reason = reason;
        out.reason_text = text;
        observer_.send(out);
    }
    end(reason, false);
}

void Session::fail(const std::string& reason) {
    if (state_ != State::ended) end(reason, true);
}

std::optional<JingleError> Session::handle(const Jingle& jingle) {
    if (jingle.sid != sid_ || state_ == State::ended) return unknown_session();
    switch (jingle.action) {
        case Action::session_initiate:
            return on_initiate(jingle);
        case Action::session_accept:
            return on_accept(jingle);
        case Action::session_info:
            return on_info(jingle);
        case Action::session_terminate:
            return on_terminate(jingle);
        case Action::transport_info:
            return on_transport_info(jingle);
        case Action::content_add:
            return on_content_add(jingle);
        case Action::content_remove:
            return on_content_remove(jingle);
        case Action::transport_replace:
            reply(Action::transport_reject, jingle);
            return std::nullopt;
        case Action::content_modify:
        case Action::content_accept:
        case Action::content_reject:
        case Action::description_info:
        case Action::security_info:
        case Action::transport_accept:
        case Action::transport_reject:
            if (state_ == State::idle) return out_of_order();
            return std::nullopt;  // nothing an audio-only end has to do, but it was understood
    }
    return bad_request();
}

std::optional<JingleError> Session::on_initiate(const Jingle& jingle) {
    if (role_ != Role::responder || state_ != State::idle) return out_of_order();
    if (jingle.contents.empty()) return bad_request();
    state_ = State::incoming;
    std::string refusal = "unsupported-applications";
    bool found = false;
    for (const auto& content : jingle.contents) {
        const bool audio = !found && content.media == "audio" && content.senders != "none";
        const auto* codec = audio ? choose(content.payload_types) : nullptr;
        const bool carried = content.transport && has(preferences_.transports, content.transport->kind);
        if (audio && !codec) refusal = "failed-application";
        if (codec && !carried) refusal = "unsupported-transports";
        if (!codec || !carried) {
            unwanted_.push_back(content.name);
            continue;
        }
        found = true;
        content_ = content.name;
        creator_ = content.creator.empty() ? "initiator" : content.creator;
        bundled_ = has(jingle.bundle, content.name);
        agreement_ = {*codec, *content.transport, content.rtcp_mux,
                      choose_crypto(preferences_.cryptos, content.cryptos)};
    }
    if (!found) return terminate(refusal), std::nullopt;
    if (!preferences_.cryptos.empty() && !agreement_.crypto) terminate("security-error");
    return std::nullopt;
}

std::optional<JingleError> Session::on_accept(const Jingle& jingle) {
    if (role_ != Role::initiator || state_ != State::offered) return out_of_order();
    const auto content = std::ranges::find(jingle.contents, content_, &Content::name);
    if (content == jingle.contents.end()) return bad_request();
    const auto* codec = choose(content->payload_types);
    if (!codec || !content->transport || content->transport->kind != agreement_.remote.kind) {
        terminate(codec ? "failed-transport" : "failed-application");
        return std::nullopt;
    }
    state_ = State::active;
    auto early = std::move(agreement_.remote.candidates);  // transport-info may overtake the accept
    agreement_ = {*codec, *content->transport, content->rtcp_mux, match_crypto(preferences_.cryptos, content->cryptos)};
    std::ranges::move(early, std::back_inserter(agreement_.remote.candidates));
    if (!preferences_.cryptos.empty() && !agreement_.crypto) {
        terminate("security-error");
        return std::nullopt;
    }
    observer_.on_agreed(agreement_);
    return std::nullopt;
}

std::optional<JingleError> Session::on_info(const Jingle& jingle) {
    if (state_ == State::idle) return out_of_order();
    if (jingle.info == "ringing") observer_.on_ringing();
    const bool known = jingle.info.empty() || jingle.info == "ringing" || jingle.info == "active" ||
                       jingle.info == "hold" || jingle.info == "unhold" || jingle.info == "mute" ||
                       jingle.info == "unmute";
    if (!known) return JingleError{"cancel", "feature-not-implemented", "unsupported-info"};
    return std::nullopt;
}

std::optional<JingleError> Session::on_terminate(const Jingle& jingle) {
    end(jingle.reason.empty() ? "success" : jingle.reason, true);
    return std::nullopt;
}

std::optional<JingleError> Session::on_transport_info(const Jingle& jingle) {
    if (state_ == State::idle) return out_of_order();
    const auto content = std::ranges::find(jingle.contents, content_, &Content::name);
    if (content == jingle.contents.end() || !content->transport) return std::nullopt;  // of a content that stayed out
    const auto& more = *content->transport;
    if (more.kind != agreement_.remote.kind) return JingleError{"modify", "bad-request", ""};
    auto& remote = agreement_.remote;
    const bool restart = state_ == State::active && !more.ufrag.empty() && more.ufrag != remote.ufrag;
    if (restart) {
        remote.ufrag = more.ufrag;
        remote.pwd = more.pwd;
        remote.candidates = more.candidates;
        observer_.on_remote_restart(more);
        return std::nullopt;
    }
    if (state_ == State::active) {
        observer_.on_remote_candidates(more);
        return std::nullopt;
    }
    for (const auto& candidate : more.candidates) {
        if (remote.candidates.size() >= kMaxWaiting) break;
        remote.candidates.push_back(candidate);
    }
    return std::nullopt;
}

std::optional<JingleError> Session::on_content_add(const Jingle& jingle) {
    if (state_ != State::active) return out_of_order();
    reply(Action::content_reject, jingle);
    return std::nullopt;
}

std::optional<JingleError> Session::on_content_remove(const Jingle& jingle) {
    if (state_ == State::idle) return out_of_order();
    const bool ours = std::ranges::find(jingle.contents, content_, &Content::name) != jingle.contents.end();
    if (ours) terminate("success", "the last content was removed");  // XEP-0166 §7.2.5
    return std::nullopt;
}

const PayloadType* Session::choose(const std::vector<PayloadType>& offered) const {
    for (const auto& type : offered) {
        for (const auto& own : preferences_.payload_types) {
            if (same_codec(named(type), own)) return &type;
        }
    }
    return nullptr;
}

Jingle Session::message(Action action) const {
    Jingle out;
    out.action = action;
    out.sid = sid_;
    if (action == Action::session_initiate) out.initiator = self_;
    if (action == Action::session_accept) out.responder = self_;
    return out;
}

Content Session::own_content(std::vector<PayloadType> types, const TransportInfo& local) const {
    Content out;
    out.creator = creator_;
    out.name = content_;
    out.media = "audio";
    out.payload_types = std::move(types);
    out.rtcp_mux = local.kind == TransportKind::ice_udp && (role_ == Role::initiator || agreement_.rtcp_mux);
    out.transport = local;
    if (role_ == Role::initiator) {
        out.cryptos = preferences_.cryptos;
    } else if (agreement_.crypto) {
        out.cryptos = {agreement_.crypto->local};
    }
    return out;
}

void Session::reply(Action action, const Jingle& to) {
    auto out = message(action);
    for (const auto& content : to.contents) {
        Content named_only;
        named_only.creator = content.creator;
        named_only.name = content.name;
        if (action == Action::transport_reject) named_only.transport = content.transport;
        out.contents.push_back(std::move(named_only));
    }
    if (action == Action::content_reject) out.reason = "unsupported-applications";
    observer_.send(out);
}

void Session::end(const std::string& reason, bool by_peer) {
    state_ = State::ended;
    observer_.on_ended(reason, by_peer);
}

}  // namespace carillon::phone
