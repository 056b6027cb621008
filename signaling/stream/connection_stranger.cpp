/// IQs of a client that has not logged in: what modules answer (registration), and an end to everything else.
/// Spec: RFC 6120 §4.9.3.12 (not-authorized), §8.2.3; XEP-0077 §3.1.1.
#include "config/base/log.h"
#include "signaling/stream/connection.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace {

constexpr std::uint8_t kQuestions = 20;  ///< of one connection; a registration takes three

/// The handler's answer as a stanza: from the host, to nobody.
std::string reply_text(const xml::Element& iq, const std::string& domain, runtime::IqReply reply) {
    if (!reply) {
        auto error = xmpp::error_reply(iq, reply.error());
        if (!error) return {};
        error->set("from", domain);
        return xml::to_string(*error);
    }
    xml::Element result{"iq", kClient};
    result.set("type", "result").set("id", iq.attribute("id")).set("from", domain);
    if (*reply) result.append(std::move(**reply));
    return xml::to_string(result);
}

}  // namespace

/// False: the stream has ended.
awaitable<bool> Connection::answer_stranger(xml::Element iq) {
    const auto* payload = iq.first_child();
    const auto* host = stage_->stages.environment.host(stage_->shard.index(), domain_);
    const auto type = iq.attribute("type");
    const bool may_ask = socket_.is_tls() || !stage_->options.require_tls;
    const runtime::HandlerRegistry::StrangerIq* found = nullptr;
    if (may_ask && host && payload && (type == "get" || type == "set"))
        found = host->handlers.find_stranger_iq(type, payload->ns(), payload->name());
    if (!found || found->owner->closing) {
        co_await fail_now("not-authorized");  // RFC 6120 §4.9.3.12
        co_return false;
    }
    if (++questions_ > kQuestions) {
        co_await fail_now("policy-violation", "Too many requests before log-in");
        co_return false;
    }
    if (!stranger_) stranger_ = std::make_unique<runtime::Stranger>(peer_address_, socket_.is_tls());
    stranger_->encrypted = socket_.is_tls();
    const auto to = iq.has_attribute("to") ? xmpp::Jid::parse(iq.attribute("to")) : xmpp::Jid::parse(domain_);
    runtime::IqReply reply{std::unexpect, xmpp::StanzaError::bad_request()};
    if (iq.attribute("id").empty() || iq.children().size() != 1 || !to || to->str() != domain_) {
        // Answered as it stands.
    } else {
        const auto call = found->handler;  // keeps its captures for as long as its coroutine runs
        const runtime::InFlight token{found->owner};
        try {
            reply = co_await call(*stranger_, iq);
        } catch (const std::exception& error) {
            log::error("a request before log-in failed", {{"peer", peer_address_}, {"what", error.what()}});
            reply = runtime::IqReply{std::unexpect, xmpp::StanzaError::internal_server_error()};
        }
    }
    auto text = reply_text(iq, domain_, std::move(reply));
    const bool sent = co_await put(std::move(text));
    co_return sent;
}

}  // namespace carillon::stream
