/// Opening a stream to another server, as far as it can be without saying who we are.
/// Spec: RFC 6120 §4, §5, XEP-0368, XEP-0220 §2.3 (asking an authoritative server).
/// Not here: what is sent on it (link.h), incoming streams (incoming.h).
#pragma once
#include <expected>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "signaling/federation/meter.h"
#include "signaling/federation/peer_stream.h"
#include "signaling/federation/settings.h"
#include "signaling/net/tls_context.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::federation {

/// What an attempt needs; all of it outlives the attempts.
struct Surroundings {
    boost::asio::io_context& io;
    boost::asio::thread_pool& resolving;
    const Options& options;
    const net::TlsContext& tls;
    Meters& meters;
    WayBoard& board;
};

struct Opened {
    std::unique_ptr<PeerStream> stream;
    std::string id;         ///< of the stream, from the other server
    xml::Element features;  ///< of the last opening
    bool secure = false;
    bool verified = false;      ///< its certificate names `remote`
    bool host_unknown = false;  ///< the other server says that it does not serve `remote`
};

/// Why stanzas for a domain go back: one of RFC 6120 §8.3.3.16, .17 and others, with a text for people.
using Failure = xmpp::StanzaError;

/// Looks up, connects, secures: address after address until one works.
awaitable<std::expected<Opened, Failure>> open_outgoing(Surroundings around, std::string local, std::string remote);

/// Asks a server of `originating` whether `key` is its own for the stream `id` that `receiving` was sent. A failure: it
/// cannot be asked, or does not say.
awaitable<std::expected<bool, Failure>> verify_key(Surroundings around, std::string receiving, std::string originating,
                                                   std::string id, std::string key);

}  // namespace carillon::federation
