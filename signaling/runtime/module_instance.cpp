#include "signaling/runtime/module_instance.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/runtime/accounts.h"
#include "signaling/runtime/virtual_host.h"

namespace carillon::runtime {

namespace asio = boost::asio;

ModuleInstance::ModuleInstance(Environment& environment, VirtualHost& host, const ModuleDescriptor& descriptor,
                               config::Value settings)
    : environment_{environment}, host_{host}, name_{descriptor.info.name}, settings_{std::move(settings)} {
    module_ = descriptor.make(*this);
}

ModuleInstance::~ModuleInstance() {
    life_->closing = true;
    for (auto& signal : spawned_) signal.emit(asio::cancellation_type::all);
    module_.reset();
    life_->dead = true;
}

awaitable<bool> ModuleInstance::quiesce(std::chrono::milliseconds patience) {
    life_->closing = true;
    for (auto at = spawned_.begin(); at != spawned_.end();) (at++)->emit(asio::cancellation_type::all);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    asio::steady_timer pause{co_await asio::this_coro::executor};
    while (life_->in_flight > 0) {
        if (std::chrono::steady_clock::now() >= deadline) {
            life_->closing = false;
            co_return false;
        }
        pause.expires_after(std::chrono::milliseconds{2});
        co_await pause.async_wait(asio::use_awaitable);
    }
    co_return true;
}

const xmpp::Jid& ModuleInstance::host() const { return host_.domain; }
Counter& ModuleInstance::counter(std::string_view name) {
    return host_.counters.declare(name_ + '.' + std::string{name});
}
std::size_t ModuleInstance::shard() const { return host_.shard.index(); }
const DiscoRegistry& ModuleInstance::disco() const { return host_.disco; }

Registration ModuleInstance::feature(std::string_view var, Target target) {
    return host_.disco.add_feature(target, std::string{var});
}

Registration ModuleInstance::identity(std::string_view category, std::string_view type, std::string_view name,
                                      Target target) {
    return host_.disco.add_identity(target, {std::string{category}, std::string{type}, std::string{name}});
}

Registration ModuleInstance::item(const xmpp::Jid& jid, std::string_view name) {
    return host_.disco.add_item({jid, std::string{name}});
}

Registration ModuleInstance::stream_feature(xml::Element feature) {
    auto& list = host_.stream_features;
    return Registration{[&list, at = list.insert(list.end(), std::move(feature))] { list.erase(at); }};
}

Registration ModuleInstance::stream_feature_when_asked(std::function<std::optional<xml::Element>()> feature) {
    auto& list = host_.computed_stream_features;
    return Registration{[&list, at = list.insert(list.end(), std::move(feature))] { list.erase(at); }};
}

Registration ModuleInstance::login_feature(std::function<std::optional<xml::Element>(const Stranger&)> make) {
    auto& list = host_.login_features;
    return Registration{[&list, at = list.insert(list.end(), std::move(make))] { list.erase(at); }};
}

Registration ModuleInstance::disco_form(xml::Element form, Target target) {
    return host_.disco.add_form(target, std::move(form));
}
Registration ModuleInstance::disco_items(DiscoItemsHandler handler) {
    return host_.disco.add_items(std::move(handler));
}
Registration ModuleInstance::command(AdHocCommand command) { return host_.commands.add(std::move(command)); }
const CommandRegistry& ModuleInstance::commands() const { return host_.commands; }
Registration ModuleInstance::disco_node(DiscoNodeHandler handler) { return host_.disco.add_node(std::move(handler)); }

Registration ModuleInstance::iq(Target target, std::string_view type, std::string_view ns, std::string_view name,
                                IqHandler handler) {
    return host_.handlers.add_iq(target, type, ns, name, {std::move(handler), nullptr, life_});
}

Registration ModuleInstance::iq_async(Target target, std::string_view type, std::string_view ns, std::string_view name,
                                      AsyncIqHandler handler) {
    return host_.handlers.add_iq(target, type, ns, name, {nullptr, std::move(handler), life_});
}

Registration ModuleInstance::stranger_iq(std::string_view type, std::string_view ns, std::string_view name,
                                         StrangerHandler handler) {
    return host_.handlers.add_stranger_iq(type, ns, name, {std::move(handler), life_});
}

Registration ModuleInstance::intercept(Stage stage, int priority, Interceptor interceptor) {
    return host_.handlers.interceptors(stage).add(priority, std::move(interceptor), life_);
}

Registration ModuleInstance::sessions(SessionEvents events) {
    return host_.handlers.session_events().add(0, std::move(events), life_);
}

Registration ModuleInstance::undelivered(int priority, UndeliveredHandler handler) {
    return host_.handlers.undelivered().add(priority, std::move(handler), life_);
}

Registration ModuleInstance::serve_domain(const xmpp::Jid& domain, std::function<void(xmpp::Stanza)> handler) {
    return host_.dispatch->serve_domain(domain, std::move(handler));
}

void ModuleInstance::route(xmpp::Stanza stanza) { host_.dispatch->route(std::move(stanza)); }

void ModuleInstance::reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) {
    auto reply = xmpp::error_reply(request.element(), error);
    if (!reply) return;
    if (auto stanza = xmpp::Stanza::parse(std::move(*reply))) host_.dispatch->route(std::move(*stanza));
}

void ModuleInstance::ask(xmpp::Stanza iq, std::chrono::milliseconds deadline,
                         std::function<void(std::optional<xmpp::Stanza> answer)> done) {
    host_.dispatch->ask(std::move(iq), deadline, life_, std::move(done));
}

session::Account* ModuleInstance::account(const xmpp::Jid& bare) { return host_.dispatch->account(bare); }

std::shared_ptr<void> ModuleInstance::hold(const xmpp::Jid& bare) { return host_.dispatch->hold(bare); }

void ModuleInstance::account_made(const xmpp::Jid& bare) { runtime::account_made(environment_, bare); }

awaitable<bool> ModuleInstance::remove_account(xmpp::Jid bare) {
    return runtime::remove_account(environment_, std::move(bare));
}

bool ModuleInstance::owns(const xmpp::Jid& bare) const { return environment_.owner(bare) == host_.shard.index(); }

void ModuleInstance::on_owner(std::size_t hash, std::function<void(Module& there)> work) {
    const auto owner = hash % environment_.shards.size();
    auto* there = environment_.host(owner, host_.domain.domain());
    environment_.shards[owner]->post([there, name = name_, work = std::move(work)] {
        if (auto* instance = there->find(name)) work(instance->module());
    });
}

awaitable<void> ModuleInstance::guarded(awaitable<void> work) {
    const InFlight token{life_};
    try {
        co_await std::move(work);
    } catch (const std::exception& error) {
        if (!life_->closing) log::error("a module's task failed", {{"module", name_}, {"what", error.what()}});
    }
}

void ModuleInstance::spawn(awaitable<void> work) {
    if (life_->closing) return;
    const auto signal = spawned_.emplace(spawned_.end());
    asio::co_spawn(host_.shard.io(), guarded(std::move(work)),
                   asio::bind_cancellation_slot(signal->slot(), [this, signal, life = life_](std::exception_ptr) {
                       if (!life->dead) spawned_.erase(signal);
                   }));
}

Registration ModuleInstance::after(std::chrono::milliseconds delay, std::function<void()> callback) {
    auto timer = std::make_shared<asio::steady_timer>(host_.shard.io(), delay);
    auto cancelled = std::make_shared<bool>(false);
    timer->async_wait([timer, cancelled, life = life_, callback = std::move(callback)](auto error) {
        if (!error && !*cancelled && !life->dead) callback();
    });
    return Registration{[timer, cancelled] {
        *cancelled = true;
        timer->cancel();
    }};
}

void* ModuleInstance::service_of(const std::type_info& type) {
    const auto at = environment_.services.find(type);
    return at == environment_.services.end() ? nullptr : at->second;
}

}  // namespace carillon::runtime
