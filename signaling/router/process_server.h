/// The process stage of a shard: what a session sends is checked and stamped, passes the modules, and is answered here
/// or handed to the router.
/// Spec: RFC 6120 §8.1 (attributes), §8.2.3 (IQ rules), §10.3 (no 'to'); RFC 6121 §4 (presence).
/// Not here: delivery (router.h), what the modules do (modules/).
#pragma once
#include <expected>

#include "signaling/router/iq_service.h"
#include "signaling/runtime/server.h"
#include "signaling/session/session_server.h"

namespace carillon::router {

class Router;

/// Why a stream must end (RFC 6120 §4.9.3).
struct StreamFault {
    std::string_view condition;
    std::string_view text;
};

/// Threading: its shard.
class ProcessServer final : public runtime::Server {
  public:
    ProcessServer(Router& router, session::SessionServer& sessions);

    /// Deals with one element read from the stream of `session`. `done` runs when the stanza has been dealt with so far
    /// that the next one may be read: usually before this returns, later when an asynchronous handler answers it.
    std::expected<void, StreamFault> from_session(session::LocalSession& session, xml::Element element,
                                                  std::function<void()> done);

  private:
    void stanza(session::LocalSession& session, xmpp::Stanza stanza, std::function<void()> done);
    void refuse(session::LocalSession& session, const xml::Element& element, const xmpp::StanzaError& error);

    Router& router_;
    session::SessionServer& sessions_;
    runtime::Counter& messages_;
    runtime::Counter& presences_;
    runtime::Counter& iqs_;
    runtime::Counter& taken_;
    runtime::Counter& malformed_;
    runtime::Counter& spoofed_;
};

}  // namespace carillon::router
