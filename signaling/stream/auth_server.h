/// The auth stage of a shard: one SASL negotiation after the other, from <auth/> or <authenticate/> to the mechanism's
/// success or a <failure/>.
/// Spec: RFC 6120 §6, XEP-0388 (the extensible profile), XEP-0440 (channel-binding types), XEP-0484 (tokens).
/// Not here: the mechanisms (auth/), the stream around it (connection.h), what else an <authenticate/> asks for
/// (connection_sasl2.cpp).
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include "signaling/auth/login_throttle.h"
#include "signaling/auth/sasl_server.h"
#include "signaling/runtime/environment.h"
#include "signaling/runtime/server.h"
#include "signaling/stream/sasl2_login.h"
#include "signaling/stream/sasl_profile.h"
#include "signaling/stream/stream_options.h"
#include "signaling/stream/token_desk.h"
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

/// One log-in, and whose stream it is on.
struct LoginAttempt {
    std::string domain;
    std::string address;            ///< of the peer
    std::optional<xmpp::Jid> from;  ///< what the client's opening tag says
    auth::Security security;
    Sasl2Login* sasl2 = nullptr;  ///< for the extensible profile; lives as long as the negotiation

    SaslProfile profile() const { return sasl2 ? SaslProfile::sasl2 : SaslProfile::rfc6120; }
};

/// Threading: its shard.
class AuthServer final : public runtime::Server {
  public:
    AuthServer(const runtime::Environment& environment, boost::asio::thread_pool& blocking,
               auth::LoginThrottle& throttle, const StreamOptions& options);

    /// The stream features that offer SASL on a connection like this. `inline_bind`: what a session may have at once.
    std::vector<xml::Element> features(const auth::Security& security,
                                       const std::vector<std::string>& inline_bind) const;

    enum class Refusal {
        failed,   ///< the client was told, and may try again
        gone,     ///< the stream is
        unheard,  ///< something else came where only SASL may: the stream must end
    };
    /// Runs the negotiation that `request`, an <auth/> or <authenticate/>, begins. The answer is the bare JID that
    /// logged in; with the extensible profile the client has not been told yet.
    awaitable<std::expected<xmpp::Jid, Refusal>> negotiate(SaslPeer& peer, LoginAttempt attempt, xml::Element request);

  private:
    xml::Element sasl2_feature(const auth::Security& security, const std::vector<std::string>& inline_bind) const;
    awaitable<auth::Step> answer_of(SaslPeer& peer, const LoginAttempt& attempt, auth::SaslServer& sasl,
                                    std::string challenge, std::optional<Refusal>& refusal);
    awaitable<auth::Step> look_up_keys(auth::SaslServer& sasl, auth::NeedKeys need);
    awaitable<auth::Step> look_up_tokens(const LoginAttempt& attempt, auth::SaslServer& sasl, auth::NeedTokens need);
    awaitable<void> give_token(const LoginAttempt& attempt, xmpp::Jid user);
    awaitable<auth::Step> look_up(const LoginAttempt& attempt, auth::SaslServer& sasl, auth::Step need);
    awaitable<std::expected<xmpp::Jid, Refusal>> finish(SaslPeer& peer, const LoginAttempt& attempt, auth::Step end);
    bool allowed(const LoginAttempt& attempt, const auth::SaslServer& sasl);
    void note(const LoginAttempt& attempt, const auth::SaslServer& sasl, const auth::Step& end);

    const runtime::Environment& environment_;
    boost::asio::thread_pool& blocking_;
    auth::LoginThrottle& throttle_;
    const StreamOptions& options_;
    TokenDesk desk_;
    runtime::Counter& succeeded_;
    runtime::Counter& failed_;
    runtime::Counter& throttled_;
    runtime::Counter& by_token_;
    runtime::Counter& storage_failures_;
};

}  // namespace carillon::stream
