/// Answers IQ requests through the handlers that modules registered; what nobody handles gets service-unavailable.
/// Spec: RFC 6120 §8.2.3, §8.4 (unknown payloads).
#pragma once
#include <optional>

#include <boost/asio/awaitable.hpp>

#include "signaling/runtime/virtual_host.h"

namespace carillon::router {

using boost::asio::awaitable;

/// RFC 6120 §8.2.3 rules 1 to 6: an id, a known type, exactly one payload in a request. Nothing when all is well.
std::optional<xmpp::StanzaError> check_iq(const xmpp::Stanza& iq);

/// Threading: a shard.
class IqService {
  public:
    /// Answers `request` by routing the reply. Nothing returned: answered; else the rest of the work as a coroutine.
    static std::optional<awaitable<void>> handle(runtime::VirtualHost& host, runtime::Target target,
                                                 xmpp::Stanza request);

  private:
    static awaitable<void> handle_later(runtime::VirtualHost& host, runtime::Target target, xmpp::Stanza request);
    static void answer(runtime::VirtualHost& host, const xmpp::Stanza& request, runtime::IqReply reply);
};

}  // namespace carillon::router
