#include "signaling/stream/auth_server.h"

#include <algorithm>

#include "config/base/log.h"
#include "signaling/runtime/on_pool.h"
#include "signaling/session/disabled_account.h"
#include "signaling/storage/storage.h"
#include "signaling/storage/token_store.h"
#include "signaling/stream/stream_management.h"
#include "signaling/stream/stream_text.h"

namespace carillon::stream {

namespace asio = boost::asio;

namespace {

void add_names(xml::Element& list, const std::vector<std::string>& mechanisms) {
    for (const auto& name : mechanisms) list.add("mechanism").add_text(name);
}

/// What says that somebody has guessed wrong, and not merely spoken badly.
bool is_wrong_guess(const auth::Step& end) {
    const auto* failure = std::get_if<auth::Failure>(&end);
    return failure && (failure->condition == "not-authorized" || failure->condition == "credentials-expired");
}

/// RFC 6120 §6.5.1: told only to who has shown that the account is theirs. A disk that fails keeps nobody out.
awaitable<bool> is_barred(storage::Storage& storage, xmpp::Jid user) {
    try {
        co_return co_await session::is_disabled(storage, std::move(user));
    } catch (const std::exception& error) {
        log::error("it cannot be read whether an account is disabled", {{"what", error.what()}});
    }
    co_return false;
}

}  // namespace

AuthServer::AuthServer(const runtime::Environment& environment, asio::thread_pool& blocking,
                       auth::LoginThrottle& throttle, const StreamOptions& options)
    : Server{"auth"},
      environment_{environment},
      blocking_{blocking},
      throttle_{throttle},
      options_{options},
      desk_{options.tokens, options.decoy_secret, *environment.clock},
      succeeded_{counter("succeeded")},
      failed_{counter("failed")},
      throttled_{counter("throttled")},
      by_token_{counter("by_token")},
      storage_failures_{counter("storage_failures")} {}

std::vector<xml::Element> AuthServer::features(const auth::Security& security,
                                               const std::vector<std::string>& inline_bind) const {
    const auto names = auth::mechanisms_for(security);
    if (names.empty()) return {};
    std::vector<xml::Element> features;
    add_names(features.emplace_back("mechanisms", kSasl), names);
    if (security.tls) features.push_back(sasl2_feature(security, inline_bind));  // XEP-0388 §4: after TLS only
    const auto types = auth::binding_types_for(security);
    if (!types.empty()) {
        auto& bindings = features.emplace_back("sasl-channel-binding", kSaslChannelBinding);
        for (const auto& type : types) bindings.add("channel-binding").set("type", type);
    }
    return features;
}

xml::Element AuthServer::sasl2_feature(const auth::Security& security,
                                       const std::vector<std::string>& inline_bind) const {
    xml::Element feature{"authentication", kSasl2};
    add_names(feature, auth::mechanisms_for(security));
    auto& possible = feature.add("inline");
    auto& bind = possible.add("bind", kBind2).add("inline");
    for (const auto& name : inline_bind) bind.add("feature").set("var", name);
    possible.add("sm", kManagement);
    if (desk_.open()) add_names(possible.add("fast", kFast), auth::token_mechanisms_for(security));
    return feature;
}

/// Sends a challenge; what the client's answer to it leads to.
awaitable<auth::Step> AuthServer::answer_of(SaslPeer& peer, const LoginAttempt& attempt, auth::SaslServer& sasl,
                                            std::string challenge, std::optional<Refusal>& refusal) {
    const auto ns = namespace_of(attempt.profile());
    const bool sent = co_await peer.put(challenge_text(attempt.profile(), challenge));
    std::optional<xml::Element> element;
    if (sent) element = co_await peer.get();
    if (!element) {
        refusal = Refusal::gone;
        co_return auth::SaslServer::abort();
    }
    if (element->is("abort", ns)) co_return auth::SaslServer::abort();
    if (!element->is("response", ns)) {
        if (attempt.sasl2) refusal = Refusal::unheard;  // XEP-0388 §2.4
        co_return auth::Failure{"malformed-request", {}};
    }
    const auto data = response_data(attempt.profile(), *element);
    if (!data) co_return auth::Failure{data.error(), {}};
    co_return sasl.response(data->value_or(std::string{}));
}

awaitable<auth::Step> AuthServer::look_up_keys(auth::SaslServer& sasl, auth::NeedKeys need) {
    try {
        auto keys = co_await environment_.storage->users().keys(std::move(need.user), std::move(need.mechanism));
        co_return sasl.keys(std::move(keys));
    } catch (const std::exception& error) {
        storage_failures_.add();
        log::error("log-in keys cannot be read", {{"what", error.what()}});
    }
    co_return auth::Failure{"temporary-auth-failure", {}};
}

awaitable<auth::Step> AuthServer::look_up_tokens(const LoginAttempt& attempt, auth::SaslServer& sasl,
                                                 auth::NeedTokens need) {
    try {
        auto& store = environment_.storage->tokens();
        auto user = need.user;
        auto client = attempt.sasl2->client.id;
        const auto shown = co_await desk_.known(store, std::move(user), std::move(client), std::move(need.mechanism));
        auto step = sasl.tokens(shown.candidates);
        if (std::holds_alternative<auth::Success>(step)) {
            by_token_.add();
            auto owner = need.user;
            auto id = attempt.sasl2->client.id;
            const auto& token = shown.stored[sasl.matched_token()];
            if (attempt.sasl2->invalidate) {
                co_await store.erase(std::move(owner), std::move(id));
            } else {
                auto used = token;
                co_await desk_.used(store, std::move(owner), std::move(id), std::move(used));
                // §3.5: whoever uses an old one gets another.
                if (attempt.sasl2->token_mechanism.empty() && desk_.due(token))
                    attempt.sasl2->token_mechanism = token.mechanism;
            }
        }
        co_return step;
    } catch (const std::exception& error) {
        storage_failures_.add();
        log::error("log-in tokens cannot be read", {{"what", error.what()}});
    }
    co_return auth::Failure{"temporary-auth-failure", {}};
}

/// XEP-0484 §3.2: a client that is in gets the token that it asked for. A disk that fails keeps nobody out.
awaitable<void> AuthServer::give_token(const LoginAttempt& attempt, xmpp::Jid user) {
    auto& login = *attempt.sasl2;
    const auto offered = auth::token_mechanisms_for(attempt.security);
    if (!desk_.open() || login.client.id.empty()) co_return;
    if (std::ranges::find(offered, login.token_mechanism) == offered.end()) co_return;
    try {
        auto client = login.client.id;
        auto mechanism = login.token_mechanism;
        auto& store = environment_.storage->tokens();
        login.token = co_await desk_.issue(store, std::move(user), std::move(client), std::move(mechanism));
    } catch (const std::exception& error) {
        storage_failures_.add();
        log::error("a log-in token cannot be kept", {{"what", error.what()}});
    }
}

/// Asked when the name is known and before anything is looked up.
bool AuthServer::allowed(const LoginAttempt& attempt, const auth::SaslServer& sasl) {
    if (throttle_.allows(sasl.user().str(), attempt.address, environment_.clock->now())) return true;
    throttled_.add();
    return false;
}

void AuthServer::note(const LoginAttempt& attempt, const auth::SaslServer& sasl, const auth::Step& end) {
    const auto now = environment_.clock->now();
    if (std::holds_alternative<auth::Success>(end)) {
        succeeded_.add();
        throttle_.succeeded(sasl.user().str(), attempt.address, now);
        return;
    }
    failed_.add();
    if (is_wrong_guess(end)) throttle_.failed(sasl.user().str(), attempt.address, now);
}

awaitable<std::expected<xmpp::Jid, AuthServer::Refusal>> AuthServer::negotiate(SaslPeer& peer, LoginAttempt attempt,
                                                                               xml::Element request) {
    auth::SaslOptions options{.domain = attempt.domain,
                              .decoy_secret = options_.decoy_secret,
                              .iterations = options_.scram_iterations,
                              .nonce = {}};
    if (attempt.sasl2) {
        options.with_token = attempt.sasl2->with_token && desk_.open();
        options.from = attempt.from;
    }
    auth::SaslServer sasl{attempt.security, std::move(options)};
    const auto initial = initial_response(attempt.profile(), request);
    auth::Step step = auth::Failure{"malformed-request", {}};
    if (!initial) {
        step = auth::Failure{initial.error(), {}};
    } else {
        const auto data = *initial ? std::optional{std::string_view{**initial}} : std::nullopt;
        step = sasl.start(request.attribute("mechanism"), data);
    }
    for (;;) {
        if (auto* challenge = std::get_if<auth::Challenge>(&step)) {
            auto data = std::move(challenge->data);
            std::optional<Refusal> refusal;
            step = co_await answer_of(peer, attempt, sasl, std::move(data), refusal);
            if (refusal) co_return std::unexpected{*refusal};
        } else if (auto* work = std::get_if<auth::NeedCheck>(&step)) {
            auto job = std::move(work->work);
            const bool matches = co_await runtime::on_pool(blocking_, std::move(job));
            step = sasl.checked(matches);
        } else if (std::holds_alternative<auth::Success>(step) || std::holds_alternative<auth::Failure>(step)) {
            if (auto* success = std::get_if<auth::Success>(&step)) {
                auto user = success->user;
                const bool barred = co_await is_barred(*environment_.storage, std::move(user));
                if (barred) step = auth::Failure{"account-disabled", {}};
            }
            note(attempt, sasl, step);
            co_return co_await finish(peer, attempt, std::move(step));
        } else {
            auto need = std::move(step);
            step = co_await look_up(attempt, sasl, std::move(need));
        }
    }
}

/// What storage must be asked for, unless too much has been guessed already.
awaitable<auth::Step> AuthServer::look_up(const LoginAttempt& attempt, auth::SaslServer& sasl, auth::Step need) {
    if (!allowed(attempt, sasl))
        co_return auth::Failure{"temporary-auth-failure", "Too many failed log-ins; try again later"};
    if (auto* tokens = std::get_if<auth::NeedTokens>(&need)) {
        auto wanted = std::move(*tokens);
        co_return co_await look_up_tokens(attempt, sasl, std::move(wanted));
    }
    auto wanted = std::get<auth::NeedKeys>(std::move(need));
    co_return co_await look_up_keys(sasl, std::move(wanted));
}

/// Tells the client; of a success of the extensible profile it hears later, with all that comes along.
awaitable<std::expected<xmpp::Jid, AuthServer::Refusal>> AuthServer::finish(SaslPeer& peer, const LoginAttempt& attempt,
                                                                            auth::Step end) {
    auto* success = std::get_if<auth::Success>(&end);
    if (!success) {
        const auto& failure = std::get<auth::Failure>(end);
        auto text = failure_text(attempt.profile(), failure.condition, failure.text);
        const bool sent = co_await peer.put(std::move(text));
        co_return std::unexpected{sent ? Refusal::failed : Refusal::gone};
    }
    if (attempt.sasl2) {
        attempt.sasl2->additional_data = std::move(success->data);
        auto owner = success->user;
        if (!attempt.sasl2->token_mechanism.empty()) co_await give_token(attempt, std::move(owner));
        co_return std::move(success->user);
    }
    auto text = success_text(success->data);
    const bool sent = co_await peer.put(std::move(text));
    if (!sent) co_return std::unexpected{Refusal::gone};
    co_return std::move(success->user);
}

}  // namespace carillon::stream
