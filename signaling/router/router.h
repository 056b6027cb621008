/// The route stage of a shard: finds out who a stanza is for, takes it to the shard that owns the addressee, and
/// delivers it there by the rules.
/// Spec: RFC 6120 §10, RFC 6121 §8.
/// Not here: the rules as tables (delivery_rules.h), what comes from a stream (process_server.h).
#pragma once
#include <deque>
#include <functional>
#include <map>

#include "signaling/router/questions.h"
#include "signaling/runtime/dispatch.h"
#include "signaling/runtime/environment.h"
#include "signaling/runtime/message_channel.h"
#include "signaling/runtime/server.h"
#include "signaling/session/session_server.h"

namespace carillon::router {

/// Threading: its shard.
class Router final : public runtime::Server, public runtime::Dispatch, public session::AccountWork {
  public:
    Router(runtime::Environment& environment, runtime::Shard& shard, session::SessionServer& sessions);

    /// Takes a stanza to its addressee now. `done` (may be empty) runs when it is out of this shard's hands.
    void dispatch(xmpp::Stanza stanza, std::function<void()> done);
    /// Whether a module on this shard serves that domain.
    bool serves(std::string_view domain) const { return served_.find(domain) != served_.end(); }
    /// Routes everything that route() queued.
    void drain();
    /// What another shard sends.
    void arrive(runtime::Messages messages);
    /// Queues a copy of `stanza` for each of `to`.
    void route_to_each(xmpp::Stanza stanza, std::vector<xmpp::Jid> to);
    void reply_error(const xmpp::Stanza& stanza, const xmpp::StanzaError& error);
    /// Messages that were for `user` and did not get there, for any session or store.
    void redeliver(const xmpp::Jid& user, std::vector<session::Undelivered> messages);

    journal::Journal* journal() const { return environment_.journal(shard_.index()); }
    const Clock& clock() const { return *environment_.clock; }

    // Dispatch: what modules may do.
    void route(xmpp::Stanza stanza) override;
    void ask(xmpp::Stanza iq, std::chrono::milliseconds deadline, std::shared_ptr<runtime::Liveness> owner,
             Answered done) override;
    session::Account* account(const xmpp::Jid& bare) override;
    std::shared_ptr<void> hold(const xmpp::Jid& bare) override { return sessions_.hold(bare); }
    void account_made(const xmpp::Jid& bare) override { sessions_.account_changed(bare, false); }
    void account_removed(const xmpp::Jid& bare, session::Roster roster) override;
    runtime::Registration serve_domain(const xmpp::Jid& domain, DomainHandler handler) override;

    // AccountWork: a stanza whose turn has come.
    std::optional<session::awaitable<void>> perform(session::LocalAccount& account, xmpp::Stanza stanza) override;
    void refuse(const xmpp::Stanza& stanza, const xmpp::StanzaError& error) override { reply_error(stanza, error); }
    void redeliver(session::LocalAccount& account, std::vector<session::Undelivered> messages) override {
        redeliver(account.jid(), std::move(messages));
    }

  private:
    struct Queued {
        xmpp::Stanza stanza;
        std::vector<xmpp::Jid> each{};  // not empty: for whom, and not for whom the stanza says
    };

    struct HeldUp {
        xmpp::Jid bare;  // who is behind
        std::function<void()> done;
        SteadyTime until;
    };

    void enqueue(Queued queued);
    void hold_up(xmpp::Jid bare, std::function<void()> done);
    void watch_crowds();
    void hand_over(std::size_t shard, runtime::Message message);
    void flush();
    void fan_out(const xmpp::Stanza& stanza, const std::vector<xmpp::Jid>& to);
    void deliver_each(const xmpp::Stanza& stanza, const std::vector<xmpp::Jid>& to);
    bool deliver_at_once(session::LocalAccount& account, xmpp::Stanza& stanza);
    bool to_question(xmpp::Stanza& answer);
    void to_host(runtime::VirtualHost& host, xmpp::Stanza stanza, std::function<void()> done);
    void to_elsewhere(xmpp::Stanza stanza);
    void to_nobody(const xmpp::Stanza& stanza);
    std::optional<session::awaitable<void>> deliver_iq(session::LocalAccount& account, xmpp::Stanza iq);
    void deliver_presence(session::LocalAccount& account, const xmpp::Stanza& presence);
    std::optional<session::awaitable<void>> deliver_message(session::LocalAccount& account, xmpp::Stanza message);
    session::awaitable<void> keep(session::LocalAccount& account, xmpp::Stanza message, bool bounce);
    void run_domain(const DomainHandler& handler, xmpp::Stanza stanza);

    runtime::Environment& environment_;
    runtime::Shard& shard_;
    session::SessionServer& sessions_;
    Questions questions_;
    std::map<std::string, DomainHandler, std::less<>> served_;
    std::deque<Queued> queue_;
    std::vector<HeldUp> waiting_;  // one a stream at most
    boost::asio::steady_timer crowd_timer_;
    std::vector<runtime::Messages> outgoing_;  // by shard: sent together, before anything else is done here
    bool any_outgoing_ = false;
    bool draining_ = false;
    bool drain_posted_ = false;

    runtime::Counter& routed_;
    runtime::Counter& between_shards_;
    runtime::Counter& delivered_;
    runtime::Counter& kept_;
    runtime::Counter& bounced_;
    runtime::Counter& held_up_;
    runtime::Counter& dropped_no_resource_;
    runtime::Counter& dropped_no_user_;
    runtime::Counter& dropped_presence_;
    runtime::Counter& dropped_unasked_;
    runtime::Counter& dropped_remote_;
    runtime::Counter& dropped_undelivered_;
};

}  // namespace carillon::router
