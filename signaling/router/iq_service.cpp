#include "signaling/router/iq_service.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"

namespace carillon::router {

namespace asio = boost::asio;
using runtime::IqReply;
using xmpp::StanzaError;

namespace {
constexpr std::chrono::milliseconds kReloadPoll{2};
}

std::optional<StanzaError> check_iq(const xmpp::Stanza& iq) {
    const auto type = iq.type();
    const bool request = type == "get" || type == "set";
    if (!request && type != "result" && type != "error") return StanzaError::bad_request();
    if (iq.id().empty()) return StanzaError::bad_request();
    if (request && iq.element().children().size() != 1) return StanzaError::bad_request();
    return std::nullopt;
}

std::optional<awaitable<void>> IqService::handle(runtime::VirtualHost& host, runtime::Target target,
                                                 xmpp::Stanza request) {
    const auto* payload = request.payload();
    if (!payload) {
        answer(host, request, std::unexpected{StanzaError::bad_request()});
        return std::nullopt;
    }
    const auto* handler = host.handlers.find_iq(target, request.type(), payload->ns(), payload->name());
    if (!handler) {
        answer(host, request, std::unexpected{StanzaError::service_unavailable()});
        return std::nullopt;
    }
    if (!handler->now) return handle_later(host, target, std::move(request));
    IqReply reply;
    try {
        reply = handler->now(request);
    } catch (const std::exception& error) {
        log::error("an iq handler threw", {{"ns", payload->ns()}, {"what", error.what()}});
        reply = std::unexpected{StanzaError::internal_server_error()};
    }
    answer(host, request, std::move(reply));
    return std::nullopt;
}

awaitable<void> IqService::handle_later(runtime::VirtualHost& host, runtime::Target target, xmpp::Stanza request) {
    IqReply reply{std::unexpect, StanzaError::service_unavailable()};
    for (;;) {
        const auto* payload = request.payload();
        const auto* handler = host.handlers.find_iq(target, request.type(), payload->ns(), payload->name());
        if (!handler || !handler->later) break;
        if (handler->owner->closing) {  // its module is being replaced: ask the successor
            asio::steady_timer pause{co_await asio::this_coro::executor, kReloadPoll};
            co_await pause.async_wait(asio::use_awaitable);
            continue;
        }
        const auto call = handler->later;  // keeps the handler's captures for as long as its coroutine runs
        const runtime::InFlight token{handler->owner};
        try {
            reply = co_await call(request);
        } catch (const std::exception& error) {
            log::error("an iq handler failed", {{"ns", payload->ns()}, {"what", error.what()}});
            reply = std::unexpected{StanzaError::internal_server_error()};
        }
        break;
    }
    answer(host, request, std::move(reply));
}

void IqService::answer(runtime::VirtualHost& host, const xmpp::Stanza& request, IqReply reply) {
    if (reply) {
        auto result = xmpp::Stanza::result_of(request);
        if (*reply) result.element().append(std::move(**reply));
        return host.dispatch->route(std::move(result));
    }
    auto error = xmpp::error_reply(request.element(), reply.error());
    if (!error) return;
    if (auto stanza = xmpp::Stanza::parse(std::move(*error))) host.dispatch->route(std::move(*stanza));
}

}  // namespace carillon::router
