/// What the controller asks of the process, for one virtual host on one shard. The module implements it; tests fake it.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/base/clock.h"
#include "signaling/calls/abilities.h"
#include "signaling/calls/endpoints/endpoint.h"
#include "signaling/calls/policy.h"
#include "signaling/storage/call_quality_store.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::calls {

/// That somebody answers for a callee who does not.
struct StandIn {
    bool reachable = false;              ///< a device of the callee's is there
    std::chrono::milliseconds after{0};  ///< without an answer
};

/// Threading: its shard only.
class Environment {
  public:
    virtual ~Environment() = default;
    virtual const CallSettings& settings() const = 0;
    virtual CallPolicy& policy() = 0;
    virtual const Clock& clock() const = 0;
    virtual void route(xmpp::Stanza stanza) = 0;
    virtual void reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) = 0;
    /// Writes the record; later records of the same id replace it.
    virtual void save(storage::CallRecord record) = 0;
    /// How it sounded, the same way.
    virtual void save_quality(storage::CallQuality) {}
    /// Says whether that full JID is bound now, and from then on reports its end through Controller::session_gone()
    /// with `key`, until forget(). Calls back on this shard, not from within the call.
    virtual void watch(const xmpp::Jid& full, const std::string& key, std::function<void(bool bound)> done) = 0;
    /// As watch(), also of one that is not bound now: when it comes and goes again, its end is reported.
    virtual void expect(const xmpp::Jid& full, const std::string& key, std::function<void(bool bound)> done) {
        watch(full, key, std::move(done));
    }
    /// Keeps the state of a call as long as the answer lives, and beyond if the process is killed. nullptr: nowhere.
    virtual std::shared_ptr<void> keep(const std::string&) { return nullptr; }
    /// What the client at that full JID has declared. Calls back as watch() does.
    virtual void abilities(const xmpp::Jid& full, std::function<void(Abilities abilities)> done) = 0;
    /// What answers calls at that address in place of a client; nullptr: nothing does.
    virtual Endpoint* endpoint(const xmpp::Jid& /*address*/) { return nullptr; }
    /// What answers for that callee, if the callee wants it; nullptr: nothing does.
    virtual Endpoint* stand_in(const xmpp::Jid& /*callee*/) { return nullptr; }
    /// Asks whether and when, where there is one. Calls back as watch() does.
    virtual void ask_stand_in(const xmpp::Jid& /*caller*/, const xmpp::Jid& /*callee*/,
                              std::function<void(std::optional<StandIn>)> done) {
        done(std::nullopt);
    }
    virtual void forget(const xmpp::Jid& full, const std::string& key) = 0;
    /// Asks for Controller::poll() within half a second.
    virtual void wake() = 0;
};

}  // namespace carillon::calls
