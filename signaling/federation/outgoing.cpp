#include "signaling/federation/outgoing.h"

#include "config/base/log.h"
#include "signaling/federation/dialback.h"
#include "signaling/federation/resolver.h"
#include "signaling/runtime/on_pool.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xmpp/ascii_domain.h"

namespace carillon::federation {

namespace {

using Deadline = std::chrono::milliseconds;

Failure not_found(std::string text) {
    auto error = xmpp::StanzaError::remote_server_not_found();
    error.text = std::move(text);
    return error;
}

Failure too_late(std::string text) {
    auto error = xmpp::StanzaError::remote_server_timeout();
    error.text = std::move(text);
    return error;
}

std::unexpected<Failure> failed(Failure failure) { return std::unexpected{std::move(failure)}; }

/// Our opening tag, and theirs with the features. False: it is no stream of a server.
awaitable<bool> open_stream(Opened& opened, const std::string& local, const std::string& remote, Deadline deadline) {
    const bool sent = co_await opened.stream->put(PeerStream::open_tag(local, remote, {}), deadline);
    if (!sent) co_return false;
    auto event = co_await opened.stream->next(deadline);
    const auto* open = event ? std::get_if<xml::StreamOpen>(&*event) : nullptr;
    if (!open || open->root.ns() != stream::kStreams) co_return false;
    opened.id = open->root.attribute("id");
    opened.features = {};
    if (open->root.attribute("version").empty()) co_return true;  // before XMPP 1.0: dialback and nothing else
    auto features = co_await opened.stream->element(deadline);
    if (features && features->is("error", stream::kStreams)) {
        opened.host_unknown = features->child("host-unknown", "urn:ietf:params:xml:ns:xmpp-streams") != nullptr;
    }
    if (!features || !features->is("features", stream::kStreams)) co_return false;
    opened.features = std::move(*features);
    co_return true;
}

awaitable<bool> secure(Surroundings around, Opened& opened, const std::string& local, const std::string& remote,
                       std::string_view alpn, Deadline deadline) {
    const auto context = around.tls.current();
    if (!context) co_return false;
    auto* ssl = net::TlsContext::make_client_ssl(*context, local, xmpp::ascii_domain(remote), alpn);
    const auto done = co_await opened.stream->socket().connect_tls(ssl, deadline);
    if (!done) co_return false;
    opened.secure = true;
    opened.verified = opened.stream->socket().peer_is(remote);
    co_return true;
}

awaitable<bool> try_target(Surroundings around, const Target& target, Opened& opened, const std::string& local,
                           const std::string& remote) {
    const auto deadline = around.options.connect_timeout;
    auto socket = co_await net::Socket::connect(around.io, target.endpoint, deadline);
    if (!socket) co_return false;
    opened = Opened{};
    opened.stream = std::make_unique<PeerStream>(std::move(*socket), around.options.policy(remote).stanza_octets);
    if (target.direct_tls) {
        const bool secured = co_await secure(around, opened, local, remote, "xmpp-server", deadline);
        if (!secured) co_return false;
    }
    bool fine = co_await open_stream(opened, local, remote, deadline);
    if (!fine || opened.secure || !opened.features.child("starttls", stream::kTls)) co_return fine;
    fine = co_await opened.stream->put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", deadline);
    if (!fine) co_return false;
    const auto answer = co_await opened.stream->element(deadline);
    if (!answer || answer->name() != "proceed") co_return false;
    opened.stream->restart_discarding();
    fine = co_await secure(around, opened, local, remote, {}, deadline);
    if (!fine) co_return false;
    fine = co_await open_stream(opened, local, remote, deadline);
    co_return fine;
}

}  // namespace

awaitable<std::expected<Opened, Failure>> open_outgoing(Surroundings around, std::string local, std::string remote) {
    auto find = [remote, &around] { return look_up(remote, around.options.targets); };
    const auto looked_up = co_await runtime::on_pool(around.resolving, std::move(find));
    if (looked_up.targets.empty()) {
        if (looked_up.unanswered) co_return failed(too_late("The DNS does not answer for " + remote));
        co_return failed(not_found("No server of " + remote + " is known"));
    }
    const auto& targets = looked_up.targets;
    const auto until = std::chrono::steady_clock::now() + around.options.open_timeout;
    bool unknown = false;
    for (const auto& target : targets) {
        if (std::chrono::steady_clock::now() > until) break;
        Opened opened;
        const bool fine = co_await try_target(around, target, opened, local, remote);
        if (!fine) {
            unknown = unknown || opened.host_unknown;
            continue;
        }
        const auto& policy = around.options.policy(remote);
        if (policy.require_tls && !opened.secure) {
            co_return failed(not_found("The server of " + remote + " does not offer TLS"));
        }
        if ((policy.require_certificate || !policy.dialback) && !opened.verified) {
            co_return failed(not_found("The server of " + remote + " has no certificate to be trusted"));
        }
        std::expected<Opened, Failure> result{std::move(opened)};
        co_return result;
    }
    if (unknown) co_return failed(not_found("The server does not serve " + remote));
    co_return failed(too_late("No server of " + remote + " answers"));
}

awaitable<std::expected<bool, Failure>> verify_key(Surroundings around, std::string receiving, std::string originating,
                                                   std::string id, std::string key) {
    auto opened = co_await open_outgoing(around, receiving, originating);
    if (!opened) co_return failed(std::move(opened.error()));
    std::expected<bool, Failure> result = failed(too_late("The server of " + originating + " does not verify keys"));
    const auto deadline = around.options.connect_timeout;
    const bool asked =
        co_await opened->stream->put(dialback_element("verify", receiving, originating, id, {}, key), deadline);
    for (int i = 0; asked && i < 8; ++i) {  // something else may come first
        const auto answer = co_await opened->stream->element(deadline);
        if (!answer) break;
        if (!answer->is("verify", kDialback) || answer->attribute("id") != id ||
            answer->attribute("from") != originating || answer->attribute("to") != receiving) {
            continue;
        }
        const auto type = answer->attribute("type");
        if (type == "valid" || type == "invalid") result = type == "valid";
        break;
    }
    const bool said = co_await opened->stream->put("</stream:stream>", deadline);
    log::debug("dialback", {{"domain", originating}, {"valid", result.value_or(false)}, {"asked", asked && said}});
    co_return result;
}

}  // namespace carillon::federation
