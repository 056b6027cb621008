/// Stanzas that came from another server or a component, on their way in: what is malformed is answered, and who brings
/// more than the process takes waits.
/// Spec: RFC 6120 §8.2.3, §8.3; RFC 6121 §4.7.1.
/// Not here: who may speak for whom (incoming.h, components/).
#pragma once
#include <boost/asio/awaitable.hpp>

#include "signaling/host/host.h"
#include "signaling/xml/element.h"

namespace carillon::federation {

/// Threading: the stages' shard.
class Intake {
  public:
    Intake(host::Host& host, host::Stages& stages) : host_{host}, stages_{stages} {}

    /// Routes a stanza in jabber:client whose addresses have been checked.
    void take(xml::Element element);
    /// After each stanza: now and then others have their turn, and a shard that lags behind is waited for.
    boost::asio::awaitable<void> breathe();

  private:
    host::Host& host_;
    host::Stages& stages_;
    unsigned burst_ = 0;
};

}  // namespace carillon::federation
