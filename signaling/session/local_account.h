/// A loaded account: its sessions, and the inbox that keeps its stanzas in order while it loads or while an
/// asynchronous handler works for it.
/// Not here: what is done with a stanza (router/), loading and eviction (session_server.h).
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "config/base/clock.h"
#include "config/base/fifo.h"
#include "signaling/session/local_session.h"

namespace carillon::runtime {
class VirtualHost;
}

namespace carillon::session {

/// A stanza waiting for its turn with an account. `done` runs on the shard when it has been dealt with; may be empty.
struct Task {
    xmpp::Stanza stanza;
    std::function<void()> done;
};

/// Threading: its shard.  Owns: sessions and inbox.
class LocalAccount final : public Account {
  public:
    enum class State : std::uint8_t {
        loading,  ///< storage is being asked; everything waits
        ready,
        busy,  ///< an asynchronous handler is at work for one stanza; the others wait
    };

    LocalAccount(xmpp::Jid bare, runtime::VirtualHost& host) : jid_{std::move(bare)}, host_{host} {}

    const xmpp::Jid& jid() const override { return jid_; }
    bool exists() const override { return exists_; }
    LocalSession* session(std::string_view resource) override {
        for (const auto& session : sessions_) {
            if (session->jid().resource() == resource) return session.get();
        }
        return nullptr;
    }
    std::vector<Session*> sessions() override {
        std::vector<Session*> list;
        list.reserve(sessions_.size());
        for (const auto& session : sessions_) list.push_back(session.get());
        return list;
    }

    runtime::VirtualHost& host() { return host_; }
    const std::vector<std::unique_ptr<LocalSession>>& local_sessions() const { return sessions_; }
    bool loaded() const { return state != State::loading; }
    /// Whether a stanza's turn would come at once.
    bool idle() const { return state == State::ready && !pumping && !failed && holds == 0 && inbox.empty(); }
    /// Whether a stanza is in hand or waits for its turn.
    bool working() const { return state != State::ready || !inbox.empty(); }
    bool at_rest() const {
        return state == State::ready && holds == 0 && inbox.empty() && sessions_.empty() && waiters == 0;
    }

  private:
    friend class SessionServer;

    xmpp::Jid jid_;
    runtime::VirtualHost& host_;
    bool exists_ = false;
    std::vector<std::unique_ptr<LocalSession>> sessions_;

    // The inbox, worked by SessionServer.
    State state = State::loading;
    bool pumping = false;
    bool crowded = false;     // so much waits that senders are held up
    bool failed = false;      // storage did not answer: what waits is refused
    std::size_t waiters = 0;  // coroutines between load and bind
    std::size_t holds = 0;    // modules that must be done before the next stanza's turn
    Fifo<Task> inbox;
    SteadyTime last_used{};
};

}  // namespace carillon::session
