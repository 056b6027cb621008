/// Output of a Connection, and its end.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "signaling/router/delivery_rules.h"
#include "signaling/stream/connection.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace asio = boost::asio;

namespace {
constexpr std::size_t kBurst = 4;   // times the limit
constexpr std::size_t kFlood = 16;  // times the limit: too much in any case
constexpr SteadyTime::duration kStall = std::chrono::seconds{5};
constexpr SteadyTime::duration kShortStall = std::chrono::milliseconds{250};
constexpr std::size_t kChunk = 64 * 1024;  // of a backlog, after which progress is noted; more than a TLS record
}  // namespace

void Connection::send(const xml::Element& stanza, const xmpp::CustodyPtr& custody) {
    if (!session_ && phase_ != Phase::session) return;
    if (client_state_ && !client_state_->active() && session_) {
        if (client_state_->hold(stanza, session_->account().jid().str())) return;
        for (const auto& held : client_state_->release()) put_out(held, nullptr);
        put_out(stanza, custody);
        return stage_->stages.sessions.waiting(*session_, stanza);
    }
    put_out(stanza, custody);
}

void Connection::put_out(const xml::Element& stanza, const xmpp::CustodyPtr& custody) {
    const bool message = stanza.name() == "message";
    // It is in its archive: nothing depends on this copy (Router::redeliver).
    const bool of_room = message && stanza.attribute("type") == "groupchat" && !custody;
    const auto now = message || management_ ? stage_->stages.environment.clock->wall() : WallTime{};
    if (management_) {
        // After our closing tag nothing goes out, but messages still find another way.
        const auto text = output_.push(stanza, false);
        const bool wanted = message && !of_room && management_->resumable();
        if (!output_.sealed()) {
            management_->sent(text, message, stage_->custody_of(custody, wanted, text), now);
            if (!of_room && stanza.name() != "presence") management_->press();
        } else if (message) {
            const auto late = xml::to_string(stanza);
            management_->sent(late, true, stage_->custody_of(custody, wanted, late), now);
        }
        if (management_->unacknowledged() > stage_->options.unacknowledged_stanzas && phase_ == Phase::session) {
            stage_->overfull.add();
            return close("resource-constraint", "You acknowledge too little");
        }
    } else {
        output_.push(stanza, message, custody, now);
    }
    if (phase_ == Phase::closing || dead_) return;  // what is kept finds another way when the session ends
    schedule_flush();
    if (output_.bytes() > stage_->options.send_queue_bytes) {
        flush();  // a burst is no sin, if the client takes it
        check_backlog(stage_->stages.environment.clock->now());
    }
}

/// A client that has let its limit fill up must go on taking something; the more waits, the sooner. Kept messages come
/// in one burst, which alone is no reason.
void Connection::check_backlog(SteadyTime now) {
    const auto limit = stage_->options.send_queue_bytes;
    const auto bytes = output_.bytes();
    if (bytes <= limit || dead_) return;
    const auto patience = bytes <= kBurst * limit   ? kStall
                          : bytes <= kFlood * limit ? kShortStall
                                                    : SteadyTime::duration{};
    if (now - last_output_ < patience) return;
    stage_->too_slow.add();
    close("resource-constraint", "You read too slowly");
}

/// Once per turn of the loop: whatever handlers of this turn send goes out in one write.
void Connection::schedule_flush() {
    if (flush_posted_ || writing_ || dead_) return;
    flush_posted_ = true;
    stage_->shard.post([self = shared_from_this()] {
        self->flush_posted_ = false;
        self->flush();
    });
}

void Connection::flush() {
    while (!writing_ && !dead_ && !output_.empty()) {
        ask_for_acknowledgement();
        const auto text = output_.batch();
        const auto sent = socket_.try_write(text);
        if (!sent) return lose();
        if (*sent > 0) last_output_ = stage_->stages.environment.clock->now();
        const bool whole = *sent == text.size();
        output_.written(*sent);
        if (whole) continue;
        writing_ = true;
        asio::co_spawn(stage_->shard.io(), [self = shared_from_this()] { return self->write_rest(); }, asio::detached);
    }
    if (close_sent_ && output_.empty() && !writing_ && !dead_) socket_.shutdown_send();
}

awaitable<void> Connection::write_rest() {
    // One batch, or what is left of it; batch() stays where it is until written() is called.
    while (!dead_ && !output_.empty()) {
        const auto text = output_.batch().substr(0, kChunk);
        const auto sent = co_await socket_.write_all(text, stage_->options.write_timeout);
        if (!sent) {
            writing_ = false;
            stage_->too_slow.add();
            lose();
            co_return;
        }
        last_output_ = stage_->stages.environment.clock->now();
        output_.written(text.size());
    }
    writing_ = false;
    flush();
}

/// Ends the stream: with an error when `condition` says so, else with the closing tag alone.
void Connection::close(std::string_view condition, std::string_view text) {
    if (phase_ == Phase::closing || dead_) return;
    if (phase_ == Phase::negotiating) {
        // The negotiating coroutine is in a read or a write; it wakes to a closed socket.
        if (!writing_) {
            auto last = opened_ ? std::string{} : wire_.open({domain_, {}, make_stream_id()});
            if (!condition.empty()) last += wire_.error(condition, text);
            const auto sent = socket_.try_write(last + wire_.close());
            if (sent) socket_.shutdown_send();
        }
        dead_ = true;
        phase_ = Phase::closing;
        socket_.close();
        return;
    }
    end_stream(condition.empty() ? std::string{} : error_text(condition, text, wire_.framed()));
}

/// Our last words in a session: `error`, if it is not empty, and the closing tag.
void Connection::end_stream(std::string_view error) {
    phase_ = Phase::closing;
    if (!error.empty()) stage_->stream_errors.add();
    if (!error.empty()) output_.push_text(error);
    output_.push_raw(wire_.close());
    output_.seal();
    close_sent_ = true;
    const bool stuck = output_.bytes() > stage_->options.send_queue_bytes;  // it will not read this either
    // Later, because the caller may be walking the sessions or be called by this session itself.
    stage_->shard.post([self = shared_from_this(), stuck] {
        if (!stuck) self->flush();
        self->end_session();
        if (stuck) return self->lose();
        // The reader may wait for ever for a client that says nothing more.
        auto timer =
            std::make_shared<asio::steady_timer>(self->stage_->shard.io(), self->stage_->options.close_timeout);
        timer->async_wait([self, timer](auto) { self->lose(); });
    });
}

void Connection::fail(std::string_view condition, std::string_view text) { close(condition, text); }

/// As fail(), during the negotiation, where the caller is the one coroutine that writes.
awaitable<void> Connection::fail_now(std::string_view condition, std::string_view text) {
    stage_->stream_errors.add();
    auto last = opened_ ? std::string{} : wire_.open({domain_, {}, make_stream_id()});  // §4.9.1.2
    last += wire_.error(condition, text);
    last += wire_.close();
    const bool sent = co_await write(std::move(last));
    if (sent) {
        socket_.shutdown_send();
        co_await linger();
    }
    dead_ = true;
}

/// Reads and drops what still comes, for a while: closing with unread octets would reset the connection, and the client
/// would not see why.
awaitable<void> Connection::linger() {
    constexpr std::size_t kEnough = 1024 * 1024;
    auto scrap = std::make_unique<std::array<char, 4096>>();
    const auto until = std::chrono::steady_clock::now() + stage_->options.close_timeout;
    for (std::size_t total = 0; total < kEnough && !dead_;) {
        const auto left = std::chrono::ceil<net::Socket::Deadline>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0) co_return;
        const auto read = co_await socket_.read_some(*scrap, left);
        if (!read) co_return;
        total += *read;
    }
}

std::vector<session::Undelivered> Connection::detach() {
    session_ = nullptr;
    if (client_state_) {
        for (const auto& held : client_state_->release()) {
            if (held.name() == "message") put_out(held, nullptr);
        }
    }
    flush();  // what the client takes now needs no other way
    if (!management_) return output_.undelivered();
    stage_->resumables.ended(management_->id(), user_, management_->handled_count());
    return stage_->ending ? management_->leave_messages() : management_->take_messages();
}

void Connection::end_session() {
    if (session_) stage_->stages.sessions.end(*std::exchange(session_, nullptr));
}

/// The connection is gone or given up: nothing more is written or read.
void Connection::lose() {
    if (!std::exchange(dead_, true) && phase_ == Phase::session) stage_->lost.add();
    socket_.close();
    if (pause_) pause_->cancel();
    if (session_) {
        stage_->shard.post([self = shared_from_this()] { self->part(); });
    }
}

/// Without a connection a session waits to be resumed, if the client asked for that and nobody said farewell.
void Connection::part() {
    if (session_ && phase_ == Phase::session && management_ && management_->resumable()) return hibernate();
    end_session();
}

void Connection::tick(SteadyTime now) {
    if (phase_ != Phase::session || dead_) return;
    const auto& options = stage_->options;
    check_backlog(now);
    check_acknowledgement(now);
    if (phase_ != Phase::session || dead_) return;
    if (options.keepalive.count() > 0 && now - last_output_ >= options.keepalive && output_.empty()) {
        output_.push_raw(wire_.keepalive());  // §4.6.1
        stage_->keepalives.add();
        schedule_flush();
    }
    if (options.idle_ping.count() == 0) return;
    const auto idle = now - last_input_;
    if (idle >= options.idle_ping + options.ping_timeout) return close("connection-timeout", {});
    if (idle >= options.idle_ping && !ping_sent_) {
        ping_sent_ = true;
        xml::Element ping{"iq", kClient};
        ping.set("type", "get").set("id", make_stream_id()).set("from", domain_).set("to", session_->jid().str());
        ping.add("ping", "urn:xmpp:ping");
        send(ping, nullptr);
    }
}

}  // namespace carillon::stream
