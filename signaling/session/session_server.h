/// The session stage of a shard: loads accounts on demand, binds and ends sessions, works every account's inbox in
/// order, and forgets accounts that nobody uses.
/// Spec: RFC 6120 §7 (resource binding).
/// Not here: the delivery rules (router/delivery.h), the stream (stream/).
#pragma once
#include <expected>
#include <optional>
#include <unordered_map>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "signaling/runtime/environment.h"
#include "signaling/runtime/server.h"
#include "signaling/runtime/virtual_host.h"
#include "signaling/session/local_account.h"

namespace carillon::session {

using boost::asio::awaitable;

/// What is done with a stanza whose turn has come. Nothing returned: it is done; a coroutine: the account is busy
/// until it ends.
class AccountWork {
  public:
    virtual ~AccountWork() = default;
    virtual std::optional<awaitable<void>> perform(LocalAccount& account, xmpp::Stanza stanza) = 0;
    /// The stanza cannot be taken: answers the sender as the standard allows.
    virtual void refuse(const xmpp::Stanza& stanza, const xmpp::StanzaError& error) = 0;
    /// Sends again, to the bare JID, what a dead stream has not delivered.
    virtual void redeliver(LocalAccount& account, std::vector<Undelivered> messages) = 0;
};

struct SessionLimits {
    std::size_t sessions_per_user = 32;
    std::size_t inbox = 1000;         ///< stanzas waiting for one account; local senders are held up from half of it
    bool replace_on_conflict = true;  ///< a bind of a taken resource ends the old session; else it gets another name
    std::chrono::seconds idle_account{60};
};

/// Threading: its shard.  Owns: the accounts.
class SessionServer final : public runtime::Server {
  public:
    SessionServer(runtime::Environment& environment, runtime::Shard& shard, SessionLimits limits);

    void connect(AccountWork& work) { work_ = &work; }
    void start();  ///< begins the eviction sweep

    /// Gives a stanza to the account `bare` of `host`, in order.
    void submit(runtime::VirtualHost& host, const xmpp::Jid& bare, xmpp::Stanza stanza,
                std::function<void()> done = nullptr);
    /// While the answer lives, what comes for that account waits in its inbox. Nothing: the account is not loaded.
    /// Letting go, on this shard, gives the next its turn.
    std::shared_ptr<void> hold(const xmpp::Jid& bare);
    LocalAccount* find(const xmpp::Jid& bare);
    LocalSession* find_session(const xmpp::Jid& full);

    /// RFC 6120 §7.6, §7.7: binds `resource` (empty: the server makes one). The stream is told of the session through
    /// the answer and must call end() when it dies.
    awaitable<std::expected<LocalSession*, xmpp::StanzaError>> bind(runtime::VirtualHost& host, xmpp::Jid bare,
                                                                    std::string resource, Outlet& outlet);
    /// Ends a session: unavailable and closed events, undelivered messages sent on. The session is destroyed.
    void end(LocalSession& session);
    /// The stream of a session is lost but may be resumed, or it has been.
    void hibernated(LocalSession& session);
    void resumed(LocalSession& session);
    /// `stanza` waits for somebody who does not look now (SessionEvents::waiting).
    void waiting(LocalSession& session, const xml::Element& stanza);
    /// Keeps or clears the presence of a session and runs the events that go with the change.
    void presence_changed(LocalSession& session, bool was_available, const xmpp::Stanza* broadcast);

    /// The user was made, removed or changed in storage: sessions of a removed user end, the account loads anew.
    void account_changed(const xmpp::Jid& bare, bool removed);
    /// Ends every stream with that stream error.
    void close_all(std::string_view condition, std::string_view text);
    std::size_t session_count() const { return sessions_.value(); }
    template <class F>
    void for_each_session(F call) {
        for (auto& [jid, account] : accounts_) {
            for (const auto& session : account->local_sessions()) call(*session);
        }
    }

  private:
    LocalAccount& account(runtime::VirtualHost& host, const xmpp::Jid& bare);
    awaitable<void> load(LocalAccount& account);
    void pump(LocalAccount& account);
    void note_crowd(LocalAccount& account);
    void discard_if_void(LocalAccount& account);
    void sweep();
    static std::string make_resource();

    runtime::Environment& environment_;
    runtime::Shard& shard_;
    SessionLimits limits_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for holds that outlive this
    AccountWork* work_ = nullptr;
    std::unordered_map<xmpp::Jid, std::unique_ptr<LocalAccount>> accounts_;
    boost::asio::steady_timer sweep_timer_;
    runtime::Counter& sessions_;
    runtime::Counter& loaded_;
    runtime::Counter& bound_;
    runtime::Counter& replaced_;
    runtime::Counter& load_failures_;
    runtime::Counter& inbox_overflows_;
};

}  // namespace carillon::session
