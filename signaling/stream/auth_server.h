/// The auth stage of a shard: one SASL negotiation after the other, from <auth/> to <success/> or <failure/>.
/// Spec: RFC 6120 §6, XEP-0440 (channel-binding types).
/// Not here: the mechanisms (auth/), the stream around it (connection.h).
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "signaling/auth/sasl_server.h"
#include "signaling/runtime/environment.h"
#include "signaling/runtime/server.h"
#include "signaling/stream/stream_options.h"
#include "signaling/xml/element.h"

namespace carillon::stream {

using boost::asio::awaitable;

/// What a negotiation needs of its stream.
class SaslPeer {
  public:
    virtual ~SaslPeer() = default;
    /// False: the stream is gone.
    virtual awaitable<bool> put(std::string text) = 0;
    /// The next element; nothing when the stream ended.
    virtual awaitable<std::optional<xml::Element>> get() = 0;
};

/// Threading: its shard.
class AuthServer final : public runtime::Server {
  public:
    AuthServer(const runtime::Environment& environment, boost::asio::thread_pool& blocking,
               const StreamOptions& options);

    /// The stream features that offer SASL on a connection like this.
    static std::vector<xml::Element> features(const auth::Security& security);

    enum class Refusal { failed, gone };
    /// Runs the negotiation that `request`, an <auth/>, begins. The answer is the bare JID that logged in.
    awaitable<std::expected<xmpp::Jid, Refusal>> negotiate(SaslPeer& peer, std::string domain, auth::Security security,
                                                           xml::Element request);
    static std::string failure_text(std::string_view condition, std::string_view text = {});

  private:
    const runtime::Environment& environment_;
    boost::asio::thread_pool& blocking_;
    const StreamOptions& options_;
    runtime::Counter& succeeded_;
    runtime::Counter& failed_;
    runtime::Counter& storage_failures_;
};

}  // namespace carillon::stream
