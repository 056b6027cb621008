#include "signaling/stream/auth_server.h"

#include "config/base/log.h"
#include "signaling/runtime/on_pool.h"
#include "signaling/storage/storage.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace asio = boost::asio;

namespace {

/// RFC 6120 §6.4.2: no text is no data; "=" is data of length zero.
std::expected<std::optional<std::string>, std::string_view> decode(const xml::Element& element) {
    const auto text = element.text();
    if (text.empty()) return std::optional<std::string>{};
    if (text == "=") return std::optional<std::string>{std::in_place};
    auto data = base64_decode(text);
    if (!data) return std::unexpected{std::string_view{"incorrect-encoding"}};
    return data;
}

std::string data_text(std::string_view name, std::string_view data) {
    std::string out = "<";
    out += name;
    out += " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + base64_encode(data) + "</";
    out += name;
    return out + ">";
}

}  // namespace

AuthServer::AuthServer(const runtime::Environment& environment, asio::thread_pool& blocking,
                       const StreamOptions& options)
    : Server{"auth"},
      environment_{environment},
      blocking_{blocking},
      options_{options},
      succeeded_{counter("succeeded")},
      failed_{counter("failed")},
      storage_failures_{counter("storage_failures")} {}

std::vector<xml::Element> AuthServer::features(const auth::Security& security) {
    const auto names = auth::mechanisms_for(security);
    if (names.empty()) return {};
    std::vector<xml::Element> features;
    auto& mechanisms = features.emplace_back("mechanisms", kSasl);
    for (const auto& name : names) mechanisms.add("mechanism").add_text(name);
    const auto types = auth::binding_types_for(security);
    if (!types.empty()) {
        auto& bindings = features.emplace_back("sasl-channel-binding", kSaslChannelBinding);
        for (const auto& type : types) bindings.add("channel-binding").set("type", type);
    }
    return features;
}

std::string AuthServer::failure_text(std::string_view condition, std::string_view text) {
    xml::Element failure{"failure", kSasl};
    failure.add(condition);
    if (!text.empty()) failure.add("text").set("xml:lang", "en").add_text(text);
    return xml::to_string(failure);
}

awaitable<std::expected<xmpp::Jid, AuthServer::Refusal>> AuthServer::negotiate(SaslPeer& peer, std::string domain,
                                                                               auth::Security security,
                                                                               xml::Element request) {
    auth::SaslOptions options{domain, options_.decoy_secret, options_.scram_iterations, {}};
    auth::SaslServer sasl{std::move(security), std::move(options)};
    auth::Step step = auth::Failure{"malformed-request", {}};
    if (const auto initial = decode(request); !initial) {
        step = auth::Failure{initial.error(), {}};
    } else if (*initial) {
        step = sasl.start(request.attribute("mechanism"), std::string_view{**initial});
    } else {
        step = sasl.start(request.attribute("mechanism"), std::nullopt);
    }
    for (;;) {
        if (auto* challenge = std::get_if<auth::Challenge>(&step)) {
            const bool sent = co_await peer.put(data_text("challenge", challenge->data));
            if (!sent) co_return std::unexpected{Refusal::gone};
            const auto element = co_await peer.get();
            if (!element) co_return std::unexpected{Refusal::gone};
            if (element->is("abort", kSasl)) {
                step = auth::SaslServer::abort();
            } else if (!element->is("response", kSasl)) {
                step = auth::Failure{"malformed-request", {}};
            } else if (const auto data = decode(*element); !data) {
                step = auth::Failure{data.error(), {}};
            } else {
                step = sasl.response(data->value_or(std::string{}));
            }
        } else if (auto* need = std::get_if<auth::NeedKeys>(&step)) {
            std::optional<storage::ScramKeys> keys;
            bool answered = true;
            try {
                keys = co_await environment_.storage->users().keys(need->user, need->mechanism);
            } catch (const std::exception& error) {
                storage_failures_.add();
                log::error("log-in keys cannot be read", {{"what", error.what()}});
                answered = false;
            }
            if (answered) {
                step = sasl.keys(std::move(keys));
            } else {
                step = auth::Failure{"temporary-auth-failure", {}};
            }
        } else if (auto* work = std::get_if<auth::NeedCheck>(&step)) {
            auto job = std::move(work->work);
            const bool matches = co_await runtime::on_pool(blocking_, std::move(job));
            step = sasl.checked(matches);
        } else if (auto* success = std::get_if<auth::Success>(&step)) {
            succeeded_.add();
            auto text = success->data.empty() ? std::string{"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"}
                                              : data_text("success", success->data);
            auto user = success->user;
            const bool sent = co_await peer.put(std::move(text));
            if (!sent) co_return std::unexpected{Refusal::gone};
            co_return user;
        } else {
            const auto& failure = std::get<auth::Failure>(step);
            failed_.add();
            const bool sent = co_await peer.put(failure_text(failure.condition, failure.text));
            co_return std::unexpected{sent ? Refusal::failed : Refusal::gone};
        }
    }
}

}  // namespace carillon::stream
