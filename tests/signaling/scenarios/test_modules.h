/// Small modules for scenarios: what is tested is the house, not its furniture.
#pragma once
#include <deque>
#include <map>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/runtime/module.h"
#include "signaling/session/session.h"

namespace carillon::scenarios {

using runtime::IqReply;
using runtime::Module;
using runtime::ModuleContext;

inline constexpr std::string_view kEchoNs = "urn:example:echo";

/// Answers {urn:example:echo}echo to host and account, at once or after a while, with the payload it was sent.
class EchoModule final : public Module {
  public:
    explicit EchoModule(ModuleContext& context) {
        const auto now = [](const xmpp::Stanza& iq) -> IqReply { return *iq.payload(); };
        const auto later = [](const xmpp::Stanza& iq) -> runtime::awaitable<IqReply> {
            boost::asio::steady_timer pause{co_await boost::asio::this_coro::executor, std::chrono::milliseconds{20}};
            co_await pause.async_wait(boost::asio::use_awaitable);
            co_return IqReply{*iq.payload()};
        };
        for (const auto target : {runtime::Target::host, runtime::Target::account}) {
            hooks_ += context.iq(target, "get", kEchoNs, "echo", now);
            hooks_ += context.iq_async(target, "set", kEchoNs, "echo", later);
        }
        hooks_ += context.iq(runtime::Target::host, "get", kEchoNs, "throw",
                             [](const xmpp::Stanza&) -> IqReply { throw std::runtime_error{"asked to"}; });
    }

  private:
    runtime::Registrations hooks_;
};

inline runtime::ModuleDescriptor echo_module() {
    return {{.name = "echo", .xep = 0, .version = "1", .summary = "Echoes"},
            [](ModuleContext& context) { return std::make_unique<EchoModule>(context); }};
}

/// Keeps undelivered messages in memory and delivers them to the first available session.
class KeeperModule final : public Module {
  public:
    explicit KeeperModule(ModuleContext& context) : context_{context} {
        hooks_ += context.undelivered(0, [this](const xmpp::Stanza& message) { return keep(message); });
        hooks_ += context.sessions({.available = [this](session::Session& session) {
            auto kept = kept_.extract(session.account().jid());
            if (!kept || session.priority() < 0) return;
            for (const auto& message : kept.mapped()) session.send(message.element());
        }});
    }

  private:
    runtime::awaitable<bool> keep(const xmpp::Stanza& message) {
        if (message.type() == "headline") co_return false;
        boost::asio::steady_timer pause{co_await boost::asio::this_coro::executor, std::chrono::milliseconds{10}};
        co_await pause.async_wait(boost::asio::use_awaitable);
        kept_[message.to().bare()].push_back(message);
        co_return true;
    }

    ModuleContext& context_;
    std::map<xmpp::Jid, std::deque<xmpp::Stanza>> kept_;
    runtime::Registrations hooks_;
};

inline runtime::ModuleDescriptor keeper_module() {
    return {{.name = "keeper", .xep = 160, .version = "1", .summary = "Keeps messages"},
            [](ModuleContext& context) { return std::make_unique<KeeperModule>(context); }};
}

}  // namespace carillon::scenarios
