/// A question to anybody, also to another module by way of the account it works for, as something to wait for.
/// Never from a handler of a request to the very account that is asked: its stanzas wait until the handler ends.
#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/runtime/module.h"

namespace carillon::modules {

/// The answer, result or error; nothing when none came in time.
inline runtime::awaitable<std::optional<xmpp::Stanza>> ask(runtime::ModuleContext& context, xmpp::Stanza iq,
                                                           std::chrono::milliseconds deadline) {
    namespace asio = boost::asio;
    // A variable, not a temporary: g++ 12 destroys closures that are temporaries of a co_await expression twice.
    auto initiate = [&context, deadline, iq = std::move(iq)](auto handler) mutable {
        auto held = std::make_shared<decltype(handler)>(std::move(handler));
        context.ask(std::move(iq), deadline,
                    [held](std::optional<xmpp::Stanza> answer) { std::move (*held)(std::move(answer)); });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::optional<xmpp::Stanza>)>(
        std::move(initiate), asio::use_awaitable);
}

}  // namespace carillon::modules
