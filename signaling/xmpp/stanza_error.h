/// Stanza errors, and the one place that makes error stanzas.
/// Spec: RFC 6120 §8.3.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::xmpp {

struct StanzaError {
    std::string_view type;              ///< auth, cancel, continue, modify, wait
    std::string_view condition;         ///< defined condition, RFC 6120 §8.3.3
    std::string text;                   ///< for people; may be empty
    std::optional<xml::Element> extra;  ///< application-specific condition

    StanzaError with_text(std::string_view reason) && {
        text = reason;
        return std::move(*this);
    }
    StanzaError with(xml::Element condition_element) && {
        extra = std::move(condition_element);
        return std::move(*this);
    }

    static StanzaError bad_request() { return {"modify", "bad-request", {}, {}}; }
    static StanzaError conflict() { return {"cancel", "conflict", {}, {}}; }
    static StanzaError feature_not_implemented() { return {"cancel", "feature-not-implemented", {}, {}}; }
    static StanzaError forbidden() { return {"auth", "forbidden", {}, {}}; }
    static StanzaError gone() { return {"cancel", "gone", {}, {}}; }
    static StanzaError internal_server_error() { return {"cancel", "internal-server-error", {}, {}}; }
    static StanzaError item_not_found() { return {"cancel", "item-not-found", {}, {}}; }
    static StanzaError jid_malformed() { return {"modify", "jid-malformed", {}, {}}; }
    static StanzaError not_acceptable() { return {"modify", "not-acceptable", {}, {}}; }
    static StanzaError not_allowed() { return {"cancel", "not-allowed", {}, {}}; }
    static StanzaError not_authorized() { return {"auth", "not-authorized", {}, {}}; }
    static StanzaError policy_violation() { return {"modify", "policy-violation", {}, {}}; }
    static StanzaError recipient_unavailable() { return {"wait", "recipient-unavailable", {}, {}}; }
    static StanzaError registration_required() { return {"auth", "registration-required", {}, {}}; }
    static StanzaError remote_server_not_found() { return {"cancel", "remote-server-not-found", {}, {}}; }
    static StanzaError remote_server_timeout() { return {"wait", "remote-server-timeout", {}, {}}; }
    static StanzaError resource_constraint() { return {"wait", "resource-constraint", {}, {}}; }
    static StanzaError service_unavailable() { return {"cancel", "service-unavailable", {}, {}}; }
    static StanzaError unexpected_request() { return {"wait", "unexpected-request", {}, {}}; }
};

/// The <error/> child for a stanza of namespace ns.
xml::Element to_element(const StanzaError& error, std::string_view ns = "jabber:client");

/// RFC 6120 §8.3.1: the error stanza that answers `stanza`: type error, same id, to and from exchanged. Nothing
/// when the standard forbids an answer (errors, iq results).
std::optional<xml::Element> error_reply(const xml::Element& stanza, const StanzaError& error);

}  // namespace carillon::xmpp
