/// What a module (one XEP, one piece of business) is, and all that it may ask of the process.
/// One instance of a module lives on each shard of each virtual host that enables it, so its members need no lock:
/// it only ever sees the accounts that its shard owns.
/// Not here: how stanzas flow (docs/signaling.md), how modules are found and reloaded (repository.h).
#pragma once
#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "config/base/clock.h"
#include "config/value.h"
#include "signaling/runtime/counters.h"
#include "signaling/runtime/registration.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::storage {
class Storage;
}
namespace carillon::session {
class Account;
class Session;
}  // namespace carillon::session

namespace carillon::runtime {

using boost::asio::awaitable;

/// The payload of an IQ result (nullopt: an empty result), or the error.
using IqReply = std::expected<std::optional<xml::Element>, xmpp::StanzaError>;
using IqHandler = std::function<IqReply(const xmpp::Stanza& iq)>;
using AsyncIqHandler = std::function<awaitable<IqReply>(const xmpp::Stanza& iq)>;

enum class Target {
    host,     ///< addressed to the virtual host itself
    account,  ///< addressed to a local bare JID, or without 'to' by a local session; runs on that account's shard
};

/// An undirected presence (no 'to') passes from_local; then the session server keeps it in the Session and runs
/// SessionEvents. An interceptor that takes it and calls Session::set_presence() itself still gets `available` and
/// `unavailable` run on the change, but not `presence`. Subscription presence keeps the full JID in from_local and is
/// stamped with the bare JID after it (RFC 6121 §3.1.2).
enum class Stage {
    from_local,  ///< sent by a local session, on the sender's shard, 'from' stamped, before anything is done with it
    to_local,    ///< for a local bare or full JID from whomever, on the addressee's shard, before the delivery rules
};

enum class Verdict {
    pass,   ///< go on with the stanza, changed or not
    taken,  ///< the interceptor has taken (moved out) or dropped it; nothing more happens to it
};
using Interceptor = std::function<Verdict(xmpp::Stanza& stanza)>;

/// Somebody whose connection has not logged in.
struct Stranger {
    std::string address;      ///< of the peer, without port
    bool encrypted = false;   ///< TLS is there
    std::string token;        ///< the invitation shown on this connection (XEP-0445); kept here by whoever checked it
    bool registered = false;  ///< has made a user
};
/// Answers an IQ of a stranger's, on the shard of the connection. `iq` lives until the coroutine ends.
using StrangerHandler = std::function<awaitable<IqReply>(Stranger& stranger, const xml::Element& iq)>;

/// What happens to sessions of this shard. All run on the shard, in order of registration.
struct SessionEvents {
    std::function<void(session::Session&)> bound;        ///< resource bound, no presence yet
    std::function<void(session::Session&)> available;    ///< first available presence after being unavailable
    std::function<void(session::Session&)> unavailable;  ///< from available to unavailable, also when the stream dies
    std::function<void(session::Session&)> closed;       ///< session gone; after `unavailable`
    /// Each undirected presence that passed the from_local interceptors, after the session server has kept it (or
    /// cleared it, for type unavailable): here a module broadcasts it. `presence` is as sent, from the full JID.
    /// Order: presence kept; `available` on the first one; then this. When the stream dies without a last word,
    /// `unavailable` is all that runs.
    std::function<void(session::Session&, const xmpp::Stanza& presence)> presence;
    /// The stream is lost, the session waits to be resumed (XEP-0198 §5): `closed` comes when that takes too long.
    std::function<void(session::Session&)> hibernated;
    std::function<void(session::Session&)> resumed;  ///< on a new stream; what waited has been sent on it
    /// A stanza was queued for a session that hibernates, or whose client is inactive (XEP-0352).
    std::function<void(session::Session&, const xml::Element& stanza)> waiting;
    /// The user has been removed from storage; sessions end right after. For what modules keep elsewhere.
    std::function<void(const xmpp::Jid& bare)> removed;
};

/// The disco#info of a node of the host, or nothing when the node is not this handler's (XEP-0030 §3.2).
using DiscoItemsHandler = std::function<std::optional<xml::Element>(std::string_view node, const xmpp::Jid& asker)>;
using DiscoNodeHandler = std::function<std::optional<xml::Element>(std::string_view node)>;

/// A message of type normal, chat or headline that found no available resource of an existing account (RFC 6121 §8.5).
/// True: stored or otherwise taken care of; false: the next handler, and at last service-unavailable.
using UndeliveredHandler = std::function<awaitable<bool>(const xmpp::Stanza& message)>;

/// One request of somebody's within an ad-hoc command (XEP-0050).
struct CommandCall {
    xmpp::Jid from;                ///< full JID
    std::string action;            ///< execute, prev, next, complete; never cancel, which needs no module
    const xml::Element* form;      ///< the submitted jabber:x:data, or nullptr; lives until the coroutine ends
    std::shared_ptr<void>* state;  ///< the command's own, from one step to the next
};
struct CommandStep {
    bool completed = true;               ///< else `form` asks for more
    std::optional<xml::Element> form;    ///< jabber:x:data
    std::vector<std::string> actions{};  ///< of prev, next, complete: what may follow a step that asks for more
    std::string note{};                  ///< for people
};
using CommandReply = std::expected<CommandStep, xmpp::StanzaError>;
struct AdHocCommand {
    std::string node;
    std::string name;                                   ///< for people
    std::function<bool(const xmpp::Jid& who)> allowed;  ///< others neither see nor run it
    std::function<awaitable<CommandReply>(CommandCall call)> run;
};

class Module;
class CommandRegistry;
class DiscoRegistry;

/// Threading: of one module instance, on one shard of one virtual host; call it only there.
class ModuleContext {
  public:
    virtual ~ModuleContext() = default;

    // What this instance stands on.
    virtual const xmpp::Jid& host() const = 0;          ///< the virtual host's domain
    virtual const config::Value& settings() const = 0;  ///< this module's own table for this host; a table, maybe empty
    virtual storage::Storage& storage() = 0;
    virtual const Clock& clock() const = 0;
    /// A counter of this module's, shown as module_<module>_<name>: what it refuses or drops has one, with the reason.
    virtual Counter& counter(std::string_view name) = 0;
    virtual std::size_t shard() const = 0;
    virtual std::size_t shard_count() const = 0;
    /// A process-wide service that the program put up (e.g. relays::Pool); nullptr when there is none of that type.
    template <class T>
    T* service() {
        return static_cast<T*>(service_of(typeid(T)));
    }

    // Declarations: disco (XEP-0030) shows them while the registration lives.
    virtual Registration feature(std::string_view var, Target target = Target::host) = 0;
    virtual Registration identity(std::string_view category, std::string_view type, std::string_view name,
                                  Target target = Target::host) = 0;
    virtual Registration item(const xmpp::Jid& jid, std::string_view name) = 0;
    /// A form of further information in disco#info (XEP-0128).
    virtual Registration disco_form(xml::Element, Target = Target::host) { return {}; }
    /// A child of the <stream:features/> that clients get after log-in (RFC 6120 §4.3.2), e.g. roster versioning.
    virtual Registration stream_feature(xml::Element) { return {}; }
    /// As stream_feature(), made anew for each stream; nothing: it is left out.
    virtual Registration stream_feature_when_asked(std::function<std::optional<xml::Element>()>) { return {}; }
    /// As above, but of the features that clients get before log-in, for those connections that it fits.
    virtual Registration login_feature(std::function<std::optional<xml::Element>(const Stranger&)>) { return {}; }
    /// Answers disco#info for nodes of the host that it knows; the answer lacks 'node', which the asker adds.
    virtual Registration disco_node(DiscoNodeHandler) { return {}; }
    /// Answers disco#items for nodes of the host that it knows, as that asker may see them.
    virtual Registration disco_items(DiscoItemsHandler) { return {}; }
    /// A command on the host (XEP-0050), by way of the module `commands`.
    virtual Registration command(AdHocCommand) { return {}; }
    virtual const CommandRegistry& commands() const = 0;
    /// All that this virtual host's modules declare, read when asked (disco_registry.h).
    virtual const DiscoRegistry& disco() const = 0;

    // Handlers. Two owners of one (target, type, namespace, name) key throw at start-up.
    virtual Registration iq(Target target, std::string_view type, std::string_view ns, std::string_view name,
                            IqHandler handler) = 0;
    virtual Registration iq_async(Target target, std::string_view type, std::string_view ns, std::string_view name,
                                  AsyncIqHandler handler) = 0;
    /// IQs before log-in: registration. Their senders have no address and nothing but what Stranger says.
    virtual Registration stranger_iq(std::string_view, std::string_view, std::string_view, StrangerHandler) {
        return {};
    }
    /// Lower priorities run first.
    virtual Registration intercept(Stage stage, int priority, Interceptor interceptor) = 0;
    virtual Registration sessions(SessionEvents events) = 0;
    virtual Registration undelivered(int priority, UndeliveredHandler handler) = 0;
    /// Every stanza for `domain` (say calls.example.org), handled on the shard that owns its bare 'to'.
    virtual Registration serve_domain(const xmpp::Jid& domain, std::function<void(xmpp::Stanza)> handler) = 0;

    // Acting.
    /// Delivers by the routing rules to wherever `to` lives (any shard, any domain); from_local interceptors do not see
    /// it.
    virtual void route(xmpp::Stanza stanza) = 0;
    /// Answers `request` with an error where the standard allows one.
    virtual void reply_error(const xmpp::Stanza& request, const xmpp::StanzaError& error) = 0;
    /// Sends an IQ request and calls back with the answer (result or error stanza) or, past the deadline, nothing.
    virtual void ask(xmpp::Stanza iq, std::chrono::milliseconds deadline,
                     std::function<void(std::optional<xmpp::Stanza> answer)> done) = 0;
    /// The account with that bare JID when it is loaded on this shard (has sessions or work in hand); else nullptr.
    virtual session::Account* account(const xmpp::Jid& bare) = 0;
    /// While the answer lives, stanzas for that loaded account wait their turn: for work that must be done before any
    /// of them. Bounded as the inbox is: hold it briefly, and never while waiting for a client. Let go on this shard.
    virtual std::shared_ptr<void> hold(const xmpp::Jid&) { return nullptr; }
    /// A user was made in storage just now: who asked before is told otherwise from here on.
    virtual void account_made(const xmpp::Jid&) {}
    /// Removes a user with all that is theirs: storage, subscriptions, sessions. False when there is no such user.
    virtual awaitable<bool> remove_account(xmpp::Jid) { co_return false; }
    virtual bool owns(const xmpp::Jid& bare) const = 0;  ///< whether this shard owns that bare JID
    /// Runs `work` on the shard that owns `hash`, with this module's instance there. FIFO between two shards.
    virtual void on_owner(std::size_t hash, std::function<void(Module& there)> work) = 0;
    /// Runs a coroutine on this shard; it is cancelled when the module is unloaded.
    virtual void spawn(awaitable<void> work) = 0;
    /// Calls back once on this shard, unless the registration is gone by then.
    virtual Registration after(std::chrono::milliseconds delay, std::function<void()> callback) = 0;

  protected:
    virtual void* service_of(const std::type_info& type) = 0;
};

struct ModuleInfo {
    std::string_view name;     ///< as in the configuration: [host.modules.NAME]
    int xep = 0;               ///< 0: an RFC
    std::string_view version;  ///< of the specification
    std::string_view summary;  ///< one line, shown by `carillonctl module list`
};

/// One piece of business that the Repository injects where the configuration names it.
class Component {
  public:
    virtual ~Component() = default;
};

/// The XMPP-flavoured Component: made with a ModuleContext, works through registrations.
class Module : public Component {};

/// How the repository makes a module.
struct ModuleDescriptor {
    ModuleInfo info;
    std::function<std::unique_ptr<Module>(ModuleContext&)> make;
    bool enabled_by_default = true;
};

}  // namespace carillon::runtime
