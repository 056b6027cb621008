#include "signaling/auth/sasl_server.h"

#include <openssl/rand.h>

#include <algorithm>

#include "signaling/auth/base64.h"
#include "signaling/auth/downgrade_protection.h"

namespace carillon::auth {
namespace {

constexpr std::size_t kMaxMessage = 4096;  // names and nonces are short; nothing honest comes near

std::string random_nonce() {
    std::string bytes(18, '\0');
    RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    return base64_encode(bytes);
}

Failure failure_of(ScramServer::Fault fault) {
    switch (fault) {
        case ScramServer::Fault::malformed:
            return {"malformed-request", "the SCRAM message is malformed"};
        case ScramServer::Fault::channel_binding:
            return {"not-authorized", "channel binding does not match"};
        case ScramServer::Fault::not_authorized:
            break;
    }
    return {"not-authorized", {}};
}

}  // namespace

std::vector<std::string> mechanisms_for(const Security& security) {
    std::vector<std::string> names;
    if (security.tls && !security.certified.empty()) names.emplace_back("EXTERNAL");
    if (security.tls && security.bindings.any()) names.insert(names.end(), {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"});
    names.insert(names.end(), {"SCRAM-SHA-256", "SCRAM-SHA-1"});
    if (security.tls && security.plain_allowed) names.push_back("PLAIN");
    return names;
}

std::vector<std::string> binding_types_for(const Security& security) {
    std::vector<std::string> types;
    if (security.bindings.tls_exporter) types.push_back("tls-exporter");
    if (security.bindings.tls_server_end_point) types.push_back("tls-server-end-point");
    if (security.bindings.tls_unique) types.push_back("tls-unique");
    return types;
}

std::vector<std::string> token_mechanisms_for(const Security& security) {
    if (!security.tls) return {};
    std::vector<std::string> names;
    for (const auto* name : {"HT-SHA-256-EXPR", "HT-SHA-256-UNIQ", "HT-SHA-256-ENDP", "HT-SHA-256-NONE"}) {
        if (HashedTokenMechanism::of(name, security.bindings)) names.emplace_back(name);
    }
    return names;
}

SaslServer::SaslServer(Security security, SaslOptions options)
    : security_{std::move(security)}, options_{std::move(options)} {
    if (!options_.nonce) options_.nonce = random_nonce;
}
SaslServer::~SaslServer() = default;

Step SaslServer::start(std::string_view mechanism, std::optional<std::string_view> initial) {
    state_ = State::idle;
    scram_.reset();
    user_ = {};
    const auto offered = options_.with_token ? token_mechanisms_for(security_) : mechanisms_for(security_);
    if (std::ranges::find(offered, mechanism) == offered.end()) {
        if (mechanism == "PLAIN" && !security_.tls) return Failure{"encryption-required", "PLAIN needs TLS"};
        return Failure{"invalid-mechanism", {}};
    }
    mechanism_ = mechanism;
    token_mechanism_ = options_.with_token ? HashedTokenMechanism::of(mechanism, security_.bindings) : std::nullopt;
    state_ = State::first;
    if (!initial) return Challenge{};
    return response(*initial);
}

Step SaslServer::response(std::string_view data) {
    if (data.size() > kMaxMessage) {
        state_ = State::idle;
        return Failure{"malformed-request", "the SASL message is too long"};
    }
    if (state_ == State::first && token_mechanism_) return token_message(data);
    if (state_ == State::first && mechanism_ == "EXTERNAL") return external_message(data);
    if (state_ == State::first) return mechanism_ == "PLAIN" ? plain_message(data) : scram_first(data);
    if (state_ == State::final_) return scram_final(data);
    state_ = State::idle;
    return Failure{"malformed-request", "a SASL response without an exchange"};
}

std::optional<Failure> SaslServer::identify(std::string_view authcid, std::string_view authzid) {
    // XMPP's authcid is the node (RFC 6120 §6.3.8); clients that send the whole bare JID mean the same.
    auto user = xmpp::Jid::make(authcid, options_.domain);
    if (const auto at = authcid.rfind('@'); !user && at != std::string_view::npos) {
        const auto whole = xmpp::Jid::parse(authcid);
        const auto host = xmpp::Jid::make({}, options_.domain);
        if (whole && host && whole->is_bare() && whole->domain() == host->domain()) user = whole;
    }
    if (!user) return Failure{"not-authorized", {}};
    if (!authzid.empty()) {
        const auto as = xmpp::Jid::parse(authzid);
        if (!as || *as != *user || (options_.from && *options_.from != *as))
            return Failure{"invalid-authzid", "you may act as yourself only"};
    }
    user_ = std::move(*user);
    return std::nullopt;
}

Step SaslServer::plain_message(std::string_view message) {
    state_ = State::idle;
    // RFC 4616 §2: [authzid] NUL authcid NUL passwd
    const auto first = message.find('\0');
    const auto second = first == std::string_view::npos ? first : message.find('\0', first + 1);
    if (second == std::string_view::npos || message.find('\0', second + 1) != std::string_view::npos) {
        return Failure{"malformed-request", "a PLAIN message has three parts"};
    }
    if (const auto failure = identify(message.substr(first + 1, second - first - 1), message.substr(0, first)))
        return *failure;
    password_ = Secret{std::string{message.substr(second + 1)}};
    state_ = State::keys;
    return NeedKeys{user_, "SCRAM-SHA-256"};
}

/// XEP-0178 §2 step 9: the certificate names one user, or the client says which of them it means.
Step SaslServer::external_message(std::string_view authzid) {
    state_ = State::idle;
    const auto& certified = security_.certified;
    auto meant = options_.from;
    if (!authzid.empty()) {
        const auto named = xmpp::Jid::parse(authzid);
        meant = named ? std::optional{*named} : std::nullopt;
    }
    if (authzid.empty() && !meant && certified.size() == 1) meant = certified.front();
    if (!meant || std::ranges::find(certified, *meant) == certified.end())
        return Failure{"invalid-authzid", "the certificate is not that user's"};
    if (options_.from && *options_.from != *meant) return Failure{"invalid-authzid", "you may act as yourself only"};
    user_ = std::move(*meant);
    state_ = State::keys;
    return NeedKeys{user_, "SCRAM-SHA-256"};  // whether there is such a user
}

Step SaslServer::token_message(std::string_view message) {
    state_ = State::idle;
    auto read = read_initiator(message);
    if (!read) return Failure{"malformed-request", "a token message has a name and a hash"};
    if (const auto failure = identify(read->authcid, {})) return *failure;
    hashed_token_ = std::move(read->hashed_token);
    state_ = State::tokens;
    return NeedTokens{user_, mechanism_};
}

Step SaslServer::tokens(std::span<const TokenCandidate> candidates) {
    if (state_ != State::tokens) return Failure{"temporary-auth-failure", {}};
    state_ = State::idle;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& token = candidates[i].token.reveal();
        if (!token_matches(token, *token_mechanism_, hashed_token_)) continue;
        if (candidates[i].expired) return Failure{"credentials-expired", "the token has expired"};
        matched_ = i;
        return Success{user_, responder_message(token, *token_mechanism_)};
    }
    return Failure{"not-authorized", {}};
}

Step SaslServer::scram_first(std::string_view message) {
    state_ = State::idle;
    const bool plus = mechanism_.ends_with("-PLUS");
    const std::string base = plus ? mechanism_.substr(0, mechanism_.size() - 5) : mechanism_;
    scram_.emplace(base, plus, security_.tls && security_.bindings.any(), security_.bindings);
    const auto first = scram_->client_first(message);
    if (!first) return failure_of(first.error());
    if (const auto failure = identify(first->username, first->authzid)) return *failure;
    state_ = State::keys;
    return NeedKeys{user_, base};
}

Step SaslServer::keys(std::optional<storage::ScramKeys> found) {
    if (state_ != State::keys) return Failure{"temporary-auth-failure", {}};
    if (mechanism_ == "EXTERNAL") {
        state_ = State::idle;
        if (found) return Success{user_, {}};
        return Failure{"not-authorized", {}};
    }
    const bool plain = mechanism_ == "PLAIN";
    const std::string base = plain ? "SCRAM-SHA-256" : mechanism_.substr(0, mechanism_.find("-PLUS"));
    if (!found) found = decoy_keys(options_.decoy_secret.reveal(), user_.str(), base, options_.iterations);
    if (plain) {
        state_ = State::check;
        return NeedCheck{[password = password_, keys = *found] { return password_matches(password.reveal(), keys); }};
    }
    state_ = State::final_;
    std::string extensions;
    if (options_.downgrade_protection)
        extensions = ",h=" + offer_hash(mechanism_, mechanisms_for(security_), binding_types_for(security_));
    return Challenge{scram_->server_first(std::move(*found), options_.nonce(), extensions)};
}

Step SaslServer::checked(bool matches) {
    if (state_ != State::check) return Failure{"temporary-auth-failure", {}};
    state_ = State::idle;
    password_ = {};
    if (!matches) return Failure{"not-authorized", {}};
    return Success{user_, {}};
}

Step SaslServer::scram_final(std::string_view message) {
    state_ = State::idle;
    auto answer = scram_->client_final(message);
    if (!answer) return failure_of(answer.error());
    return Success{user_, std::move(*answer)};
}

}  // namespace carillon::auth
