#include "signaling/session/session_server.h"

#include <openssl/rand.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/runtime/message_channel.h"
#include "signaling/storage/storage.h"

namespace carillon::session {

namespace asio = boost::asio;
using runtime::SessionEvents;

namespace {
constexpr std::chrono::seconds kSweep{10};
constexpr std::chrono::milliseconds kLoadPoll{2};  ///< binding waits for the account to load; it is rare and short

/// It was accepted before and nobody would hear of its end: it comes out of a queue that is bounded itself, or of the
/// journal.
bool cannot_be_refused(const xmpp::Stanza& stanza) {
    return stanza.redelivered() || (stanza.is_error() && stanza.custody());
}
}  // namespace

SessionServer::SessionServer(runtime::Environment& environment, runtime::Shard& shard, SessionLimits limits)
    : Server{"session"},
      environment_{environment},
      shard_{shard},
      limits_{limits},
      sweep_timer_{shard.io()},
      sessions_{counter("sessions")},
      loaded_{counter("accounts_loaded")},
      bound_{counter("bound")},
      replaced_{counter("replaced")},
      load_failures_{counter("load_failures")},
      inbox_overflows_{counter("inbox_overflows")} {}

void SessionServer::start() {
    sweep_timer_.expires_after(kSweep);
    sweep_timer_.async_wait([this](auto error) {
        if (error) return;
        sweep();
        start();
    });
}

LocalAccount* SessionServer::find(const xmpp::Jid& bare) {
    const auto at = accounts_.find(bare);
    return at == accounts_.end() ? nullptr : at->second.get();
}

LocalSession* SessionServer::find_session(const xmpp::Jid& full) {
    auto* account = find(full.bare());
    return account ? account->session(full.resource()) : nullptr;
}

LocalAccount& SessionServer::account(runtime::VirtualHost& host, const xmpp::Jid& bare) {
    if (auto* known = find(bare)) return *known;
    auto& made = *accounts_.emplace(bare, std::make_unique<LocalAccount>(bare, host)).first->second;
    loaded_.add();
    asio::co_spawn(shard_.io(), load(made), [this, bare](std::exception_ptr failure) {
        auto* account = find(bare);
        if (!account) return;
        account->failed = failure != nullptr;
        account->state = LocalAccount::State::ready;
        account->last_used = environment_.clock->now();
        if (failure) {
            load_failures_.add();
            log::error("account does not load", {{"jid", bare.str()}});
        }
        pump(*account);
    });
    return made;
}

awaitable<void> SessionServer::load(LocalAccount& account) {
    auto& storage = *environment_.storage;
    // The account stays where it is while it loads: at_rest() is false.
    account.exists_ = co_await storage.users().exists(account.jid_);
    if (account.exists_) account.roster() = co_await storage.rosters().load(account.jid_);
}

void SessionServer::submit(runtime::VirtualHost& host, const xmpp::Jid& bare, xmpp::Stanza stanza,
                           std::function<void()> done) {
    auto& target = account(host, bare);
    // Whose stream waits for it sends nothing else meanwhile: the account's own, whose presence must not get lost.
    if (target.inbox.size() >= limits_.inbox && !done && !cannot_be_refused(stanza)) {
        inbox_overflows_.add();
        return work_->refuse(stanza, xmpp::StanzaError::resource_constraint());
    }
    target.inbox.push_back({std::move(stanza), std::move(done)});
    if (target.pumping) return note_crowd(target);
    pump(target);
}

void SessionServer::pump(LocalAccount& account) {
    if (account.pumping) return;
    account.pumping = true;
    while (account.state == LocalAccount::State::ready && account.holds == 0 && !account.inbox.empty()) {
        auto task = std::move(account.inbox.front());
        account.inbox.pop_front();
        if (account.failed) {
            work_->refuse(task.stanza, xmpp::StanzaError::internal_server_error());
            if (task.done) task.done();
            continue;
        }
        auto later = work_->perform(account, std::move(task.stanza));
        if (later) {
            account.state = LocalAccount::State::busy;
            asio::co_spawn(shard_.io(), std::move(*later),
                           [this, &account, done = std::move(task.done)](std::exception_ptr failure) {
                               if (failure) log::error("account work failed", {{"jid", account.jid().str()}});
                               account.state = LocalAccount::State::ready;
                               if (done) done();
                               pump(account);
                           });
        } else if (task.done) {
            task.done();
        }
    }
    account.pumping = false;
    account.last_used = environment_.clock->now();
    note_crowd(account);
    discard_if_void(account);
}

/// Whoever reads from clients feeds it no more until it has caught up (Router::finish).
void SessionServer::note_crowd(LocalAccount& account) {
    const auto limit = account.crowded ? limits_.inbox / 4 : limits_.inbox / 2;
    const bool crowded = account.inbox.size() > limit;
    if (crowded == account.crowded) return;
    account.crowded = crowded;
    environment_.channel->crowd(account.jid(), crowded);
}

std::shared_ptr<void> SessionServer::hold(const xmpp::Jid& bare) {
    auto* held = find(bare);
    if (!held) return nullptr;
    ++held->holds;
    // The account stays where it is: it is not at rest. The server may have gone with the process.
    return {held, [this, alive = std::weak_ptr{alive_}](LocalAccount* account) {
                if (alive.expired()) return;
                --account->holds;
                pump(*account);
            }};
}

/// An account that does not exist is not worth keeping: else strangers' names would fill the memory.
void SessionServer::discard_if_void(LocalAccount& account) {
    if ((account.exists() && !account.failed) || !account.at_rest()) return;
    shard_.post([this, bare = account.jid()] {
        auto* found = find(bare);
        if (found && (!found->exists() || found->failed) && found->at_rest()) {
            accounts_.erase(bare);
            loaded_.subtract();
        }
    });
}

void SessionServer::sweep() {
    const auto now = environment_.clock->now();
    loaded_.subtract(std::erase_if(accounts_, [&](const auto& entry) {
        return entry.second->at_rest() && now - entry.second->last_used > limits_.idle_account;
    }));
}

std::string SessionServer::make_resource() {
    // RFC 6120 §7.6.1: generated by the server, unpredictable.
    unsigned char random[9];
    RAND_bytes(random, sizeof random);
    static constexpr char kDigits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    std::string name;
    for (const auto byte : random) name += kDigits[byte & 63];
    return name;
}

awaitable<std::expected<LocalSession*, xmpp::StanzaError>> SessionServer::bind(runtime::VirtualHost& host,
                                                                               xmpp::Jid bare, std::string resource,
                                                                               Outlet& outlet) {
    auto& target = account(host, bare);
    ++target.waiters;
    asio::steady_timer pause{shard_.io()};
    while (target.state == LocalAccount::State::loading) {
        pause.expires_after(kLoadPoll);
        co_await pause.async_wait(asio::use_awaitable);
    }
    --target.waiters;
    if (target.failed || !target.exists()) {
        auto error = target.failed ? xmpp::StanzaError::internal_server_error() : xmpp::StanzaError::not_allowed();
        discard_if_void(target);
        co_return std::unexpected{std::move(error)};
    }
    if (resource.empty()) resource = make_resource();
    auto full = bare.with_resource(resource);
    if (!full) co_return std::unexpected{xmpp::StanzaError::bad_request()};  // §7.7.2.1
    if (auto* taken = target.session(full->resource())) {
        if (limits_.replace_on_conflict) {  // §7.7.2.2 case 3: the old one goes
            replaced_.add();
            taken->close("conflict", "Replaced by a new session with this resource");
            end(*taken);
        } else {
            full = bare.with_resource(make_resource());  // §7.7.2.2 case 1: the new one gets another name
        }
    }
    if (target.sessions_.size() >= limits_.sessions_per_user) {
        co_return std::unexpected{xmpp::StanzaError::resource_constraint()};
    }
    auto& session = *target.sessions_.emplace_back(std::make_unique<LocalSession>(target, std::move(*full), outlet));
    sessions_.add();
    bound_.add();
    host.handlers.fire(&SessionEvents::bound, session);
    co_return &session;
}

void SessionServer::end(LocalSession& session) {
    auto& owner = static_cast<LocalAccount&>(session.account());
    auto messages = session.detach();
    if (session.available()) {
        session.set_presence(std::nullopt, 0);
        presence_changed(session, true, nullptr);
    }
    owner.host_.handlers.fire(&SessionEvents::closed, session);
    std::erase_if(owner.sessions_, [&](const auto& held) { return held.get() == &session; });
    sessions_.subtract();
    owner.last_used = environment_.clock->now();
    if (!messages.empty()) work_->redeliver(owner, std::move(messages));
}

void SessionServer::hibernated(LocalSession& session) {
    static_cast<LocalAccount&>(session.account()).host_.handlers.fire(&SessionEvents::hibernated, session);
}

void SessionServer::resumed(LocalSession& session) {
    static_cast<LocalAccount&>(session.account()).host_.handlers.fire(&SessionEvents::resumed, session);
}

void SessionServer::waiting(LocalSession& session, const xml::Element& stanza) {
    static_cast<LocalAccount&>(session.account()).host_.handlers.fire(&SessionEvents::waiting, session, stanza);
}

void SessionServer::presence_changed(LocalSession& session, bool was_available, const xmpp::Stanza* broadcast) {
    auto& handlers = static_cast<LocalAccount&>(session.account()).host_.handlers;
    const bool is_available = session.available();
    if (is_available && !was_available) handlers.fire(&SessionEvents::available, session);
    if (was_available && !is_available) handlers.fire(&SessionEvents::unavailable, session);
    if (broadcast) handlers.fire(&SessionEvents::presence, session, *broadcast);
}

void SessionServer::account_changed(const xmpp::Jid& bare, bool removed) {
    auto* account = find(bare);
    if (!account) return;
    if (removed) {
        for (auto* session : account->sessions()) session->close("not-authorized", "The account has been removed");
        account->exists_ = false;
        account->roster() = {};
        account->slots().clear();  // what modules know of the user, too
    } else if (account->at_rest()) {
        accounts_.erase(bare);  // it is loaded anew when somebody asks
        loaded_.subtract();
    } else {
        account->exists_ = true;  // made just now: an empty roster is right
    }
}

void SessionServer::close_all(std::string_view condition, std::string_view text) {
    std::vector<LocalSession*> all;
    for_each_session([&](LocalSession& session) { all.push_back(&session); });
    for (auto* session : all) session->close(condition, text);
}

}  // namespace carillon::session
