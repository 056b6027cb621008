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
        boost::asio::steady_timer pause{co_await boost::asio::this_coro::executor, std::chrono::milliseconds{1}};
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

/// Serves the domain "echo.localhost" (messages come back), asks clients on request, and marks what passes.
class ServiceModule final : public Module {
  public:
    explicit ServiceModule(ModuleContext& context) : context_{context} {
        const auto domain = xmpp::Jid::parse("echo.localhost").value();
        hooks_ += context.serve_domain(domain, [this](xmpp::Stanza stanza) { served(std::move(stanza)); });
        // A message with <ask/> is not sent: its addressee is asked an IQ, and the outcome goes back as a message's id.
        hooks_ +=
            context.intercept(runtime::Stage::from_local, 0, [this](xmpp::Stanza& stanza) { return sent(stanza); });
        hooks_ += context.intercept(runtime::Stage::to_local, 0, [](xmpp::Stanza& stanza) {
            if (stanza.is_message()) stanza.element().add("seen", "urn:example:service");
            return runtime::Verdict::pass;
        });
    }

  private:
    void served(xmpp::Stanza stanza) {
        if (!stanza.is_message() || stanza.is_error()) return;
        const auto from = stanza.from();
        stanza.set_from(stanza.to());
        stanza.set_to(from);
        stanza.element().set("shard", std::to_string(context_.shard()));
        context_.route(std::move(stanza));
    }

    runtime::Verdict sent(xmpp::Stanza& stanza) {
        if (!stanza.is_message() || !stanza.element().child("ask", "urn:example:service"))
            return runtime::Verdict::pass;
        auto question = xmpp::Stanza::iq("get", "", context_.host(), stanza.to());
        question.element().append(xml::Element{"question", "urn:example:service"});
        context_.ask(std::move(question), std::chrono::milliseconds{300},
                     [this, asker = stanza.from()](std::optional<xmpp::Stanza> answer) {
                         auto report = xmpp::Stanza::message(context_.host(), asker);
                         report.element().set("id", answer ? answer->type() : "nothing");
                         context_.route(std::move(report));
                     });
        return runtime::Verdict::taken;
    }

    ModuleContext& context_;
    runtime::Registrations hooks_;
};

inline runtime::ModuleDescriptor service_module() {
    return {{.name = "service", .xep = 0, .version = "1", .summary = "Serves a domain and asks"},
            [](ModuleContext& context) { return std::make_unique<ServiceModule>(context); }};
}

}  // namespace carillon::scenarios
