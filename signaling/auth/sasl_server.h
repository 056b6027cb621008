/// The server's side of one SASL negotiation, without sockets, storage or threads.
/// Spec: RFC 6120 §6, RFC 4616 (PLAIN), RFC 5802 (SCRAM), RFC 4422 App. A and XEP-0178
/// §2 (EXTERNAL), XEP-0440 (channel-binding types), XEP-0474 (downgrade
/// protection), XEP-0484 (tokens).
/// Not here: XML and base64 (stream/), looking keys up (the caller, when asked by NeedKeys).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/base/secret.h"
#include "signaling/auth/hashed_token.h"
#include "signaling/auth/scram.h"
#include "signaling/xmpp/jid.h"

namespace carillon::auth {

/// Of the connection that authenticates.
struct Security {
    bool tls = false;
    ChannelBindings bindings;
    bool plain_allowed = true;           ///< inside TLS only, whatever this says
    std::vector<xmpp::Jid> certified{};  ///< whom the client's certificate speaks for; bare
};

/// Strongest first: EXTERNAL (where a certificate speaks for somebody), SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS (where the
/// channel can be bound), SCRAM-SHA-256, SCRAM-SHA-1, PLAIN.
std::vector<std::string> mechanisms_for(const Security& security);
/// XEP-0440: the channel-binding types this connection has.
std::vector<std::string> binding_types_for(const Security& security);

/// XEP-0484 §3.1: the mechanisms by which a token may be shown.
std::vector<std::string> token_mechanisms_for(const Security& security);

struct Challenge {
    std::string data;
};
/// Look up the SCRAM keys of `user` for `mechanism` and hand them to SaslServer::keys().
struct NeedKeys {
    xmpp::Jid user;  ///< bare
    std::string mechanism;
};
/// Look up the tokens of `user` and hand them to SaslServer::tokens().
struct NeedTokens {
    xmpp::Jid user;  ///< bare
    std::string mechanism;
};
/// Run `work` off the io threads and hand its answer to SaslServer::checked().
struct NeedCheck {
    std::function<bool()> work;
};
struct Success {
    xmpp::Jid user;    ///< bare
    std::string data;  ///< additional data with success; may be empty
};
/// `condition` is a SASL error condition of RFC 6120 §6.5.
struct Failure {
    std::string_view condition;
    std::string text;
};
using Step = std::variant<Challenge, NeedKeys, NeedTokens, NeedCheck, Success, Failure>;

/// A token that the client may have meant.
struct TokenCandidate {
    Secret token;
    bool expired = false;
};

struct SaslOptions {
    std::string domain;                  ///< the virtual host
    Secret decoy_secret;                 ///< of the server; makes answers for unknown users repeatable
    std::uint32_t iterations = 10000;    ///< what unknown users seem to have
    std::function<std::string()> nonce;  ///< empty: 144 random bits
    bool with_token = false;             ///< a mechanism of token_mechanisms_for() is meant
    std::optional<xmpp::Jid> from{};     ///< of the stream: an authorization identity must be the same (XEP-0388 §2.3)
    bool downgrade_protection = true;
};

/// Call start(), then what each step asks for, until Success or Failure. After a Failure start() may be called again.
/// Threading: one thread at a time.
class SaslServer {
  public:
    SaslServer(Security security, SaslOptions options);
    ~SaslServer();

    /// `initial` is the decoded initial response; nullopt when the client sent none.
    Step start(std::string_view mechanism, std::optional<std::string_view> initial);
    Step response(std::string_view data);
    /// Answers NeedKeys; nullopt: no such user.
    Step keys(std::optional<storage::ScramKeys> found);
    /// Answers NeedTokens; none: the user, or the user's client, has none.
    Step tokens(std::span<const TokenCandidate> candidates);
    /// Which of them it was, after Success.
    std::size_t matched_token() const { return matched_; }
    /// Answers NeedCheck.
    Step checked(bool matches);
    static Step abort() { return Failure{"aborted", {}}; }
    std::string_view mechanism() const { return mechanism_; }
    /// Whose log-in it is, as far as it has come; bare, else empty.
    const xmpp::Jid& user() const { return user_; }

  private:
    Step plain_message(std::string_view message);
    Step external_message(std::string_view authzid);
    Step token_message(std::string_view message);
    Step scram_first(std::string_view message);
    Step scram_final(std::string_view message);
    std::optional<Failure> identify(std::string_view authcid, std::string_view authzid);

    enum class State { idle, first, keys, tokens, check, final_ };
    Security security_;
    SaslOptions options_;
    State state_ = State::idle;
    std::string mechanism_;
    std::optional<ScramServer> scram_;
    xmpp::Jid user_;
    Secret password_;
    std::optional<HashedTokenMechanism> token_mechanism_;
    std::string hashed_token_;
    std::size_t matched_ = 0;
};

}  // namespace carillon::auth
