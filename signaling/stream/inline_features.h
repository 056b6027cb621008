/// What a session may have switched on, or be told, at the moment when it is bound.
/// Each is asked of the module that answers the IQ of the same payload, as if the client had sent it.
/// Spec: XEP-0386 1.1.0 §3.2, XEP-0280 (carbons), XEP-0313 §6 (metadata).
/// Not here: stream management and client state, which the stream itself has (connection_sasl2.cpp).
#pragma once
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "signaling/runtime/virtual_host.h"
#include "signaling/xml/element.h"

namespace carillon::stream {

/// The names of those that this host has.
std::vector<std::string> inline_features(const runtime::VirtualHost& host);

/// Does what `bind` asks for on behalf of `session`, a full JID, and adds the answers to `bound`. The session may be
/// gone when it has ended.
boost::asio::awaitable<void> perform_inline(runtime::VirtualHost& host, xmpp::Jid session, const xml::Element& bind,
                                            xml::Element& bound);

}  // namespace carillon::stream
