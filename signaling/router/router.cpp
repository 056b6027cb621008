#include "signaling/router/router.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/router/delivery_rules.h"
#include "signaling/router/iq_service.h"
#include "signaling/router/presence_state.h"
#include "signaling/runtime/foreign.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::router {

namespace asio = boost::asio;
using runtime::Target;
using session::LocalAccount;
using xmpp::Stanza;
using xmpp::StanzaError;

namespace {

constexpr std::chrono::milliseconds kReloadPoll{2};

bool has_non_negative(const LocalAccount& account) {
    for (const auto& session : account.local_sessions()) {
        if (session->available() && session->priority() >= 0) return true;
    }
    return false;
}

/// Made by the server for one session (XEP-0280, XEP-0313): nobody else should get it.
bool is_copy(const xmpp::Jid& user, const Stanza& message) {
    if (message.from() != user) return false;
    return message.element().child_in("urn:xmpp:carbons:2") || message.element().child("result", "urn:xmpp:mam:2");
}

}  // namespace

Router::Router(runtime::Environment& environment, runtime::Shard& shard, session::SessionServer& sessions)
    : Server{"route"},
      environment_{environment},
      shard_{shard},
      sessions_{sessions},
      questions_{shard.io(), shard.index()},
      crowd_timer_{shard.io()},
      routed_{counter("routed")},
      between_shards_{counter("between_shards")},
      delivered_{counter("delivered")},
      kept_{counter("kept")},
      bounced_{counter("bounced")},
      held_up_{counter("held_up")},
      dropped_no_resource_{counter("dropped_no_resource")},
      dropped_no_user_{counter("dropped_no_user")},
      dropped_presence_{counter("dropped_presence")},
      dropped_unasked_{counter("dropped_unasked_answer")},
      dropped_remote_{counter("dropped_remote")},
      dropped_undelivered_{counter("dropped_undelivered")} {}

void Router::route(Stanza stanza) { enqueue({std::move(stanza)}); }

void Router::route_to_each(Stanza stanza, std::vector<xmpp::Jid> to) {
    if (!to.empty()) enqueue({std::move(stanza), std::move(to)});
}

void Router::enqueue(Queued queued) {
    queue_.push_back(std::move(queued));
    if (draining_ || drain_posted_) return;
    drain_posted_ = true;
    shard_.post([this] {
        drain_posted_ = false;
        drain();
    });
}

void Router::drain() {
    if (draining_) return;
    draining_ = true;
    while (!queue_.empty()) {
        auto queued = std::move(queue_.front());
        queue_.pop_front();
        if (queued.each.empty()) {
            dispatch(std::move(queued.stanza), nullptr);
        } else {
            fan_out(queued.stanza, queued.each);
        }
    }
    draining_ = false;
    flush();
}

void Router::arrive(runtime::Messages messages) {
    using Purpose = runtime::Message::Purpose;
    for (auto& message : messages) {
        switch (message.purpose) {
            case Purpose::answer:
                if (!questions_.answer(message.stanza)) dropped_unasked_.add();
                break;
            case Purpose::deliver:
                dispatch(std::move(message.stanza), nullptr);
                break;
            case Purpose::each:
                deliver_each(message.stanza, message.to);
                break;
        }
        drain();
    }
}

void Router::dispatch(Stanza stanza, std::function<void()> done) {
    routed_.add();
    // Of the addressee before this is added: whoever feeds one that is behind waits.
    auto behind = done && environment_.channel->crowded(stanza.to()) ? stanza.to().bare() : xmpp::Jid{};
    const auto finish = [&] {
        if (!done) return;
        if (behind.empty()) return done();
        hold_up(std::move(behind), std::move(done));
    };
    if (to_question(stanza)) return finish();
    const auto& to = stanza.to();
    const auto owner = environment_.owner(to);
    const auto send_to_owner = [&] {
        between_shards_.add();
        hand_over(owner, {runtime::Message::Purpose::deliver, std::move(stanza)});
        finish();
    };
    if (const auto served = served_.find(to.domain()); served != served_.end()) {
        if (owner != shard_.index()) return send_to_owner();
        flush();
        run_domain(served->second, std::move(stanza));
        return finish();
    }
    auto* host = environment_.host(shard_.index(), to.domain());
    if (host && !to.node().empty() && owner != shard_.index()) return send_to_owner();
    flush();
    if (!host) {
        to_elsewhere(std::move(stanza));
        return finish();
    }
    if (to.node().empty()) return to_host(*host, std::move(stanza), std::move(done));
    const auto bare = to.bare();  // before the stanza is moved from: arguments have no order
    // Only what is for the own account holds the sender up: a busy addressee must not, until it is far behind.
    if (stanza.from().same_bare(bare)) return sessions_.submit(*host, bare, std::move(stanza), std::move(done));
    sessions_.submit(*host, bare, std::move(stanza));
    finish();
}

/// An answer to a question of the server's goes to the shard that asked; answers to users' questions go on as usual.
bool Router::to_question(Stanza& answer) {
    if (!answer.is_iq() || answer.is_iq_request()) return false;
    if (answer.to().is_full() && !answer.to().node().empty() &&
        environment_.host(shard_.index(), answer.to().domain())) {
        return false;
    }
    const auto asked = Questions::shard_of(answer.id(), environment_.shards.size());
    if (!asked) return false;
    if (*asked == shard_.index()) {
        flush();
        return questions_.answer(answer);
    }
    hand_over(*asked, {runtime::Message::Purpose::answer, std::move(answer)});
    return true;
}

void Router::run_domain(const DomainHandler& handler, Stanza stanza) {
    const auto call = handler;  // the handler may end its own registration
    try {
        call(std::move(stanza));
    } catch (const std::exception& error) {
        log::error("a served domain's handler threw", {{"what", error.what()}});
    }
}

void Router::to_host(runtime::VirtualHost& host, Stanza stanza, std::function<void()> done) {
    if (stanza.is_iq_request()) {
        if (auto later = IqService::handle(host, Target::host, std::move(stanza))) {
            asio::co_spawn(shard_.io(), std::move(*later), [done = std::move(done)](std::exception_ptr) {
                if (done) done();
            });
            return;
        }
    } else if (stanza.is_iq()) {
        dropped_unasked_.add();
    } else if (stanza.is_message()) {
        reply_error(stanza, StanzaError::service_unavailable());
    } else {
        dropped_presence_.add();
    }
    if (done) done();
}

/// RFC 6120 §10.4.
void Router::to_elsewhere(Stanza stanza) {
    if (environment_.foreign && !stanza.from().empty()) {
        return environment_.foreign->send(shard_.index(), std::move(stanza));
    }
    if (stanza.is_presence() && !is_subscription(stanza.type())) return dropped_remote_.add();
    reply_error(stanza, StanzaError::remote_server_not_found());
}

void Router::reply_error(const Stanza& stanza, const StanzaError& error) {
    auto reply = xmpp::error_reply(stanza.element(), error);
    if (!reply) return;
    bounced_.add();
    auto parsed = Stanza::parse(std::move(*reply));
    if (!parsed) return;
    parsed->set_custody(stanza.custody());  // until the error is with the sender, the message is not settled
    if (stanza.redelivered()) parsed->set_redelivered();  // the stream that it came by may be gone
    route(std::move(*parsed));
}

void Router::ask(Stanza iq, std::chrono::milliseconds deadline, std::shared_ptr<runtime::Liveness> owner,
                 Answered done) {
    if (questions_.ask(iq, deadline, std::move(owner), std::move(done))) route(std::move(iq));
}

session::Account* Router::account(const xmpp::Jid& bare) {
    auto* found = sessions_.find(bare);
    return found && found->loaded() ? found : nullptr;
}

void Router::account_removed(const xmpp::Jid& bare, session::Roster roster) {
    drain();
    auto* host = environment_.host(shard_.index(), bare.domain());
    auto* account = sessions_.find(bare);
    if (account && account->working()) {  // the answer to whoever asked for this goes out first
        auto timer = std::make_shared<asio::steady_timer>(shard_.io(), kReloadPoll);
        timer->async_wait([this, timer, bare, roster = std::move(roster)](auto error) {
            if (!error) account_removed(bare, roster);
        });
        return;
    }
    if (account && !account->roster().items.empty()) roster = account->roster();
    // XEP-0077 §3.2: subscriptions end, both ways.
    for (const auto& item : roster.items) {
        const auto& contact = item.jid;
        if (item.to || item.pending_out) route(Stanza::presence(bare, contact, "unsubscribe"));
        if (item.from || item.pending_in) route(Stanza::presence(bare, contact, "unsubscribed"));
        if (!account || !item.from) continue;
        for (const auto& session : account->local_sessions()) {
            if (session->available()) route(Stanza::presence(session->jid(), contact, "unavailable"));
        }
    }
    if (host) host->handlers.fire(&runtime::SessionEvents::removed, bare);
    sessions_.account_changed(bare, true);
}

runtime::Registration Router::serve_domain(const xmpp::Jid& domain, DomainHandler handler) {
    const std::string name{domain.domain()};
    if (environment_.host(shard_.index(), name) || !served_.try_emplace(name, std::move(handler)).second) {
        throw std::logic_error{"domain " + name + " is served already"};
    }
    return runtime::Registration{[this, name] { served_.erase(name); }};
}

std::optional<session::awaitable<void>> Router::perform(LocalAccount& account, Stanza stanza) {
    if (stanza.is_presence() && stanza.to().empty()) {  // undirected, of a session of this account
        auto* session = account.session(stanza.from().resource());
        if (!session) return std::nullopt;
        if (const auto error = check_presence(stanza)) {
            if (auto reply = xmpp::error_reply(stanza.element(), *error)) session->send(*reply);
        } else {
            apply_presence(sessions_, *session, std::move(stanza));
        }
        return std::nullopt;
    }
    if (!account.exists()) {
        to_nobody(stanza);
        return std::nullopt;
    }
    if (!stanza.to().empty() &&
        account.host().handlers.intercept(runtime::Stage::to_local, stanza) == runtime::Verdict::taken) {
        return std::nullopt;
    }
    switch (stanza.kind()) {
        case xmpp::StanzaKind::iq:
            return deliver_iq(account, std::move(stanza));
        case xmpp::StanzaKind::message:
            return deliver_message(account, std::move(stanza));
        case xmpp::StanzaKind::presence:
            deliver_presence(account, stanza);
            break;
    }
    return std::nullopt;
}

/// RFC 6121 §8.5.1.
void Router::to_nobody(const Stanza& stanza) {
    if (stanza.is_message() && message_to_nobody(message_type(stanza.type())) == MessageAction::bounce) {
        return reply_error(stanza, StanzaError::service_unavailable());
    }
    if (stanza.is_iq_request()) return reply_error(stanza, StanzaError::service_unavailable());
    if (stanza.is_presence() && stanza.type() == "probe") {  // RFC 6121 §4.3.2: as for a contact that never agreed
        return route(Stanza::presence(stanza.to().bare(), stanza.from().bare(), "unsubscribed"));
    }
    dropped_no_user_.add();
}

/// RFC 6121 §8.5.2.1.3, §8.5.3: to a session unchanged; to the bare JID answered on behalf of the account.
std::optional<session::awaitable<void>> Router::deliver_iq(LocalAccount& account, Stanza iq) {
    if (iq.to().is_full()) {
        if (auto* session = account.session(iq.to().resource())) {
            delivered_.add();
            session->send(iq.element());
        } else if (iq.is_iq_request()) {
            reply_error(iq, StanzaError::service_unavailable());
        } else {
            dropped_no_resource_.add();
        }
        return std::nullopt;
    }
    if (!iq.is_iq_request()) {
        dropped_unasked_.add();
        return std::nullopt;
    }
    return IqService::handle(account.host(), Target::account, std::move(iq));
}

/// RFC 6121 §8.5.2.1.2, §8.5.3.
void Router::deliver_presence(LocalAccount& account, const Stanza& presence) {
    const auto type = presence.type();
    if (presence.to().is_full() && !is_subscription(type)) {
        if (auto* session = account.session(presence.to().resource())) {
            delivered_.add();
            return session->send(presence.element());
        }
        return dropped_presence_.add();
    }
    if (type == "probe" || type == "error") return dropped_presence_.add();
    // §3.1.3 wants a request with every available resource, §3.1.6 a state change with every interested one.
    const bool to_interested = is_subscription(type) && type != "subscribe";
    for (const auto& session : account.local_sessions()) {
        if (to_interested ? session->interested() : session->available()) {
            delivered_.add();
            session->send(presence.element());
        }
    }
}

std::optional<session::awaitable<void>> Router::deliver_message(LocalAccount& account, Stanza message) {
    auto type = message_type(message.type());
    // What tells a sender that its message did not arrive finds another way as the message itself would.
    if (type == MessageType::error && message.redelivered()) type = MessageType::chat;
    auto* addressed = message.to().is_full() ? account.session(message.to().resource()) : nullptr;
    auto action = MessageAction::as_bare;
    if (message.to().is_full()) action = message_to_full(type, addressed != nullptr);
    if (action == MessageAction::as_bare) action = message_to_bare(type, has_non_negative(account));
    switch (action) {
        case MessageAction::deliver:
            if (addressed) {
                delivered_.add();
                addressed->deliver(message);
                break;
            }
            for (const auto& session : account.local_sessions()) {
                if (!session->available() || session->priority() < 0) continue;
                delivered_.add();
                session->deliver(message);
            }
            break;
        case MessageAction::keep:
            return keep(account, std::move(message), true);
        case MessageAction::offer:
            return keep(account, std::move(message), false);
        case MessageAction::bounce:
            reply_error(message, StanzaError::service_unavailable());
            break;
        case MessageAction::as_bare:
        case MessageAction::drop:
            dropped_undelivered_.add();
            break;
    }
    return std::nullopt;
}

session::awaitable<void> Router::keep(LocalAccount& account, Stanza message, bool bounce) {
    auto& keepers = account.host().handlers.undelivered();
    auto hooks = keepers.snapshot();
    const auto changing = [&] {
        return std::any_of(hooks->begin(), hooks->end(), [](const auto& hook) { return hook->owner->closing; });
    };
    while (changing()) {  // a keeper is being replaced: wait for its successor
        asio::steady_timer pause{co_await asio::this_coro::executor, kReloadPoll};
        co_await pause.async_wait(asio::use_awaitable);
        hooks = keepers.snapshot();
    }
    for (const auto& hook : *hooks) {
        if (hook->removed) continue;
        const runtime::InFlight token{hook->owner};
        try {
            if (co_await hook->call(message)) {
                kept_.add();
                co_return;
            }
        } catch (const std::exception& error) {
            log::error("undelivered message could not be kept", {{"what", error.what()}});
            if (bounce) reply_error(message, StanzaError::internal_server_error());
            co_return;
        }
    }
    if (bounce) {
        reply_error(message, StanzaError::service_unavailable());
    } else {
        dropped_undelivered_.add();
    }
}

/// XEP-0198 §4: as if the resource had not been there; since when it waited is told (XEP-0203).
void Router::redeliver(const xmpp::Jid& user, std::vector<session::Undelivered> messages) {
    for (auto& undelivered : messages) {
        // Another session of the account has it, or will deal with it the same way.
        if (undelivered.custody && (undelivered.custody->has_reached() || undelivered.custody->awaited())) continue;
        auto message = Stanza::parse(std::move(undelivered.message));
        if (!message || !message->is_message()) continue;
        const auto type = message_type(message->type());
        // What was said in a room that is served here goes there; what came from one is in its archive.
        const bool said_in_room = type == MessageType::groupchat && !serves(message->to().domain());
        // An error answers a message that was accepted, if somebody answers for it or it has been stored before: else
        // that would be lost without a word.
        const bool delayed = message->element().child("delay", "urn:xmpp:delay") != nullptr;
        const bool answers_nothing = type == MessageType::error && !undelivered.custody && !delayed;
        if (answers_nothing || said_in_room || is_copy(user, *message)) {
            dropped_undelivered_.add();
            continue;
        }
        if (!delayed) {
            message->element()
                .add("delay", "urn:xmpp:delay")
                .set("from", user.domain())
                .set("stamp", xmpp::to_datetime(undelivered.queued));
        }
        message->set_custody(std::move(undelivered.custody));
        // A foreign addressee gets it as it was meant; here, any session may have it.
        if (environment_.host(shard_.index(), user.domain())) message->set_to(user);
        message->set_redelivered();
        route(std::move(*message));
    }
}

}  // namespace carillon::router
