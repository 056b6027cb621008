/// One module, living on one shard of one virtual host: the ModuleContext it sees, and how it ends.
/// Not here: which modules there are (repository.h), what registrations mean (handler_registry.h).
#pragma once
#include <list>
#include <string>

#include <boost/asio/cancellation_signal.hpp>

#include "signaling/runtime/environment.h"
#include "signaling/runtime/liveness.h"
#include "signaling/runtime/module.h"

namespace carillon::runtime {

/// Threading: its shard.  Owns: the Module; outlived by its Liveness.
class ModuleInstance final : public ModuleContext {
  public:
    /// Makes the module; what its constructor throws passes through.
    ModuleInstance(Environment& environment, VirtualHost& host, const ModuleDescriptor& descriptor,
                   config::Value settings);
    ~ModuleInstance() override;

    Module& module() { return *module_; }
    /// Cancels what the module spawned, lets no new asynchronous work in and waits until it is at rest. False: it was
    /// not within `patience` and goes on working.
    awaitable<bool> quiesce(std::chrono::milliseconds patience);

    // ModuleContext
    const xmpp::Jid& host() const override;
    const config::Value& settings() const override { return settings_; }
    storage::Storage& storage() override { return *environment_.storage; }
    const Clock& clock() const override { return *environment_.clock; }
    Counter& counter(std::string_view name) override;
    std::size_t shard() const override;
    std::size_t shard_count() const override { return environment_.shards.size(); }
    Registration feature(std::string_view var, Target target) override;
    Registration identity(std::string_view category, std::string_view type, std::string_view name,
                          Target target) override;
    Registration item(const xmpp::Jid& jid, std::string_view name) override;
    Registration stream_feature(xml::Element feature) override;
    Registration stream_feature_when_asked(std::function<std::optional<xml::Element>()> feature) override;
    Registration login_feature(std::function<std::optional<xml::Element>(const Stranger&)> make) override;
    Registration disco_form(xml::Element form, Target target) override;
    Registration disco_items(DiscoItemsHandler handler) override;
    Registration command(AdHocCommand command) override;
    const CommandRegistry& commands() const override;
    Registration disco_node(DiscoNodeHandler handler) override;
    const DiscoRegistry& disco() const override;
    Registration iq(Target target, std::string_view type, std::string_view ns, std::string_view name,
                    IqHandler handler) override;
    Registration iq_async(Target target, std::string_view type, std::string_view ns, std::string_view name,
                          AsyncIqHandler handler) override;
    Registration stranger_iq(std::string_view type, std::string_view ns, std::string_view name,
                             StrangerHandler handler) override;
    Registration intercept(Stage stage, int priority, Interceptor interceptor) override;
    Registration sessions(SessionEvents events) override;
    Registration undelivered(int priority, UndeliveredHandler handler) override;
    Registration serve_domain(const xmpp::Jid& domain, std::function<void(xmpp::Stanza)> handler) override;
    void route(xmpp::Stanza stanza) override;
    void reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) override;
    void ask(xmpp::Stanza iq, std::chrono::milliseconds deadline,
             std::function<void(std::optional<xmpp::Stanza> answer)> done) override;
    std::shared_ptr<void> hold(const xmpp::Jid& bare) override;
    session::Account* account(const xmpp::Jid& bare) override;
    void account_made(const xmpp::Jid& bare) override;
    awaitable<bool> remove_account(xmpp::Jid bare) override;
    bool owns(const xmpp::Jid& bare) const override;
    void on_owner(std::size_t hash, std::function<void(Module& there)> work) override;
    void spawn(awaitable<void> work) override;
    Registration after(std::chrono::milliseconds delay, std::function<void()> callback) override;

  protected:
    void* service_of(const std::type_info& type) override;

  private:
    awaitable<void> guarded(awaitable<void> work);

    Environment& environment_;
    VirtualHost& host_;
    std::string name_;
    config::Value settings_;
    std::shared_ptr<Liveness> life_ = std::make_shared<Liveness>();
    std::list<boost::asio::cancellation_signal> spawned_;
    std::unique_ptr<Module> module_;  // last: goes before what it uses
};

}  // namespace carillon::runtime
