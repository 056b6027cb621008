/// Call control of one virtual host as a module: sees the stanzas, hands them to the shard of the two users, and is
/// what the controller stands on there.
/// Spec: XEP-0166 1.1.2, XEP-0353 0.6.
/// Users of other servers take part in calls as those of this one do; only whether they are there is not known.
/// Not here: the rules (controller.h).
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "signaling/calls/environment.h"
#include "signaling/calls/ledger.h"
#include "signaling/calls/switchboard.h"
#include "signaling/runtime/foreign.h"
#include "signaling/runtime/module.h"

namespace carillon::calls {

/// Threading: one instance a shard, on that shard.
class CallsModule final : public runtime::Module, public Environment {
  public:
    explicit CallsModule(runtime::ModuleContext& context);
    ~CallsModule() override;

    Controller& controller() { return shard_->controller; }
    ShardCalls& shard() { return *shard_; }

    // Environment
    const CallSettings& settings() const override { return settings_; }
    CallPolicy& policy() override { return *policy_; }
    const Clock& clock() const override { return context_.clock(); }
    void route(xmpp::Stanza stanza) override;
    void reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) override;
    void save(storage::CallRecord record) override;
    void save_quality(storage::CallQuality quality) override;
    void watch(const xmpp::Jid& full, const std::string& key, std::function<void(bool bound)> done) override;
    void abilities(const xmpp::Jid& full, std::function<void(Abilities)> done) override;
    Endpoint* endpoint(const xmpp::Jid& address) override;
    void expect(const xmpp::Jid& full, const std::string& key, std::function<void(bool bound)> done) override;
    std::shared_ptr<void> keep(const std::string& state) override;
    Endpoint* stand_in(const xmpp::Jid& callee) override;
    void ask_stand_in(const xmpp::Jid& caller, const xmpp::Jid& callee,
                      std::function<void(std::optional<StandIn>)> done) override;
    void forget(const xmpp::Jid& full, const std::string& key) override;
    void wake() override;

  private:
    /// Calls of a session of this shard: call key to the shard that has the call.
    using CallsOfSession = std::map<std::string, std::size_t>;

    runtime::Verdict sent(xmpp::Stanza& stanza);
    runtime::Verdict sent_iq(xmpp::Stanza& iq);
    void refused(const xmpp::Stanza& iq);
    runtime::Verdict sent_message(const xmpp::Stanza& message);
    void session_closed(const xmpp::Jid& full);
    bool serves(const xmpp::Jid& user) const;

    // Calls with users of other servers (foreign_calls.cpp).
    bool is_foreign(const xmpp::Jid& user) const;
    runtime::Verdict came(xmpp::Stanza& stanza);
    runtime::Verdict came_iq(xmpp::Stanza& iq);
    void came_message(const xmpp::Stanza& message);
    void came_presence(const xmpp::Stanza& presence);
    void deliver_here(const xmpp::Stanza& iq);
    bool room_for_call(const std::string& device, const std::string& key, std::size_t owner);
    Abilities abilities_here(const xmpp::Jid& full);
    bool watch_here(const xmpp::Jid& full, const std::string& key, std::size_t owner, bool absent_too = false);
    void adopt_calls();
    void with_controller(std::size_t hash, std::function<void(CallsModule& there)> work);
    runtime::awaitable<void> write_records();
    runtime::awaitable<void> write_quality(storage::CallQuality quality);

    runtime::ModuleContext& context_;
    CallSettings settings_;
    OpenPolicy open_policy_;
    CallPolicy* policy_ = &open_policy_;
    CallLedger* ledger_ = nullptr;               // none: calls end with the process
    const runtime::Foreign* foreign_ = nullptr;  // none: no other server is spoken to
    std::shared_ptr<ShardCalls> shard_;
    std::map<std::string, CallsOfSession> sessions_;  // by full JID, of this host's users on this shard
    std::deque<storage::CallRecord> records_;         // waiting to be written, in order
    bool writing_ = false;
    bool woken_ = false;
    runtime::Registration timer_;
    runtime::Registrations hooks_;  // declared last: handlers go away before what they use
};

/// The name under which calls are counted that no device of the user's has taken yet.
inline std::string no_device(const xmpp::Jid& user) { return user.bare().str() + '/'; }

runtime::ModuleDescriptor calls_module();

}  // namespace carillon::calls
