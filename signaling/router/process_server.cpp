#include "signaling/router/process_server.h"

#include "signaling/journal/journal.h"
#include "signaling/router/delivery_rules.h"
#include "signaling/router/router.h"
#include "signaling/xml/writer.h"

namespace carillon::router {

ProcessServer::ProcessServer(Router& router, session::SessionServer& sessions)
    : Server{"process"},
      router_{router},
      sessions_{sessions},
      messages_{counter("messages")},
      presences_{counter("presences")},
      iqs_{counter("iqs")},
      taken_{counter("taken_by_module")},
      malformed_{counter("malformed")},
      spoofed_{counter("spoofed_from")} {}

std::expected<void, StreamFault> ProcessServer::from_session(session::LocalSession& session, xml::Element element,
                                                             std::function<void()> done) {
    const auto& name = element.name();
    if (element.ns() != "jabber:client" || (name != "message" && name != "presence" && name != "iq")) {
        return std::unexpected{StreamFault{"unsupported-stanza-type", ""}};  // §4.9.3.24
    }
    // §8.1.2.1: a 'from' that is there must be the session's own full or bare JID.
    if (element.has_attribute("from")) {
        const auto claimed = xmpp::Jid::parse(element.attribute("from"));
        if (!claimed || (*claimed != session.jid() && *claimed != session.account().jid())) {
            spoofed_.add();
            return std::unexpected{StreamFault{"invalid-from", ""}};
        }
    }
    element.set("from", session.jid().str());
    const auto copy_of_head = [&] {  // what an error reply needs, when the element itself is used up
        xml::Element head{element.name(), element.ns()};
        for (const auto& [key, value] : element.attributes()) head.set(key, value);
        return head;
    }();
    auto parsed = xmpp::Stanza::parse(std::move(element));
    if (!parsed) {
        refuse(session, copy_of_head, parsed.error());
        done();
        return {};
    }
    parsed->set_from(session.jid());
    stanza(session, std::move(*parsed), std::move(done));
    router_.drain();
    return {};
}

void ProcessServer::refuse(session::LocalSession& session, const xml::Element& element,
                           const xmpp::StanzaError& error) {
    malformed_.add();
    if (auto reply = xmpp::error_reply(element, error)) session.send(*reply);
}

void ProcessServer::stanza(session::LocalSession& session, xmpp::Stanza stanza, std::function<void()> done) {
    auto& host = static_cast<session::LocalAccount&>(session.account()).host();
    switch (stanza.kind()) {
        case xmpp::StanzaKind::message:
            messages_.add();
            if (auto* journal = router_.journal(); journal && !stanza.is_error()) {
                if (stanza.to().empty()) stanza.set_to(session.account().jid());  // RFC 6120 §10.3.1
                stanza.set_custody(journal->accept(xml::to_string(stanza.element()), router_.clock().wall()));
            }
            break;
        case xmpp::StanzaKind::presence: {
            presences_.add();
            if (!is_presence_type(stanza.type())) {
                refuse(session, stanza.element(), xmpp::StanzaError::bad_request());  // RFC 6121 §4.7.1
                return done();
            }
            break;
        }
        case xmpp::StanzaKind::iq: {
            iqs_.add();
            if (const auto error = check_iq(stanza)) {
                refuse(session, stanza.element(), *error);
                return done();
            }
            break;
        }
    }
    if (stanza.is_presence() && stanza.to().empty() && !is_subscription(stanza.type())) {
        // It waits its turn in the account's inbox: a message on its way to offline storage is stored first, so that
        // whoever becomes available now is given it.
        return sessions_.submit(host, session.account().jid(), std::move(stanza), std::move(done));
    }
    if (host.handlers.intercept(runtime::Stage::from_local, stanza) == runtime::Verdict::taken) {
        taken_.add();
        return done();
    }
    if (stanza.is_presence() && is_subscription(stanza.type())) {
        if (stanza.to().empty()) {  // RFC 6121 §3: a subscription goes to somebody
            refuse(session, stanza.element(), xmpp::StanzaError::bad_request());
            return done();
        }
        stanza.set_from(session.account().jid());  // RFC 6121 §3.1.2
    }
    // RFC 6120 §10.3: without 'to' it is for the sender's own account.
    if (stanza.to().empty()) {
        if (stanza.is_iq()) return sessions_.submit(host, session.account().jid(), std::move(stanza), std::move(done));
        stanza.set_to(session.account().jid());
    }
    router_.dispatch(std::move(stanza), std::move(done));
}

}  // namespace carillon::router
