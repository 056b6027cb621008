/// The second half of a Connection: binding and the session.
#include "signaling/stream/connection.h"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/session/local_account.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::stream {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadSize = 16 * 1024;  // one TLS record
constexpr unsigned kBurst = 32;               // stanzas of one client before the others have their turn
constexpr std::chrono::milliseconds kCongestionPause{2};

/// Where all connections of a thread read into: what is read is parsed before anybody else reads, so that a connection
/// that waits holds no buffer.
std::span<char> read_buffer() {
    static thread_local auto buffer = std::make_unique<std::array<char, kReadSize>>();
    return *buffer;
}

}  // namespace

awaitable<Connection::Event> Connection::next_event(net::Socket::Deadline deadline) {
    for (;;) {
        auto event = parsed_event();
        if (!std::holds_alternative<xml::NeedMore>(event)) {
            if (std::holds_alternative<xml::StreamFault>(event)) stage_->parse.faults.add();
            co_return Event{std::move(event)};
        }
        if (dead_) co_return Event{};
        if (!unread_.empty()) {
            if (!feed_frames()) co_return Event{};
            continue;
        }
        const auto buffer = read_buffer();
        const auto read = deadline == net::Socket::kNever ? co_await socket_.read_some(buffer, deadline)
                                                          : co_await socket_.read_next(buffer, deadline);
        if (!read) {
            if (read.error() == asio::error::timed_out && !authenticated_) {
                stage_->timeouts.add();
                co_await fail_now("connection-timeout");  // §4.9.3.4
            }
            if (!std::exchange(dead_, true) && phase_ == Phase::session) stage_->lost.add();
            co_return Event{};
        }
        last_input_ = stage_->stages.environment.clock->now();
        ping_sent_ = false;
        stage_->parse.octets.add(*read);
        pace_.read(*read, last_input_);
        if (auto* of_all = account_pace()) of_all->read(*read, last_input_);
        if (!feed(buffer.first(*read))) co_return Event{};
    }
}

/// What the parser has; of a WebSocket in the terms of a stream.
xml::StreamEvent Connection::parsed_event() {
    if (!wire_.framed()) return parser_.next();
    if (!framed_context_) {  // RFC 7395 §3.3: each message is parsed as if it stood in a stream
        framed_context_ = true;
        parser_.feed(open_tag({}));
        (void)parser_.next();
        (void)parser_.next();
    }
    auto event = parser_.next();
    auto* element = std::get_if<xml::Element>(&event);
    if (!element || element->ns() != kFraming) return event;
    if (element->name() == "close") return xml::StreamClose{};
    element->rename("stream", kStreams);
    return xml::StreamOpen{std::move(*element), std::string{kClient}};
}

/// False: the connection is over.
bool Connection::feed(std::span<char> octets) {
    if (!wire_.framed()) {
        parser_.feed(std::string_view{octets.data(), octets.size()});
        return true;
    }
    unread_.append(octets.data(), octets.size());
    return feed_frames();
}

/// Up to one piece of a text message, so that what follows a restart is not parsed too early.
bool Connection::feed_frames() {
    std::span<char> rest{unread_};
    for (;;) {
        const auto piece = frames_->next(rest);
        using Kind = http::FrameReader::Kind;
        if (piece.kind == Kind::text) {
            parser_.feed(piece.payload);
            break;
        }
        if (piece.kind == Kind::more) break;
        if (piece.kind == Kind::pong) continue;
        std::string answer;
        if (piece.kind == Kind::ping) {
            http::append_frame_header(answer, http::Opcode::pong, piece.payload.size());
            answer += piece.payload;
            output_.push_raw(answer);
            if (output_.bytes() > stage_->options.send_queue_bytes) return lose(), false;
            schedule_flush();
            continue;
        }
        // The WebSocket ends without the stream having been closed: as a lost connection.
        http::append_close_frame(answer, piece.kind == Kind::close ? http::kCloseNormal : piece.code);
        if (!writing_) (void)socket_.try_write(answer);
        if (!std::exchange(dead_, true) && phase_ == Phase::session) stage_->lost.add();
        return false;
    }
    unread_.erase(0, unread_.size() - rest.size());
    if (unread_.empty()) std::string{}.swap(unread_);
    return true;
}

awaitable<void> Connection::serve() {
    if (sasl2_) {  // XEP-0388 §2.6.1: the stream goes on
        parser_.set_limits(stage_->parse.after_login());
        const bool in = co_await finish_log_in();
        if (in) co_await read_stanzas();
        co_return;
    }
    parser_.restart();
    framed_context_ = false;
    parser_.set_limits(stage_->parse.after_login());
    opened_ = false;
    const bool bound = co_await bind();
    if (bound) co_await read_stanzas();
}

/// RFC 6120 §7: the stream after log-in, until a resource is bound.
awaitable<bool> Connection::bind() {
    auto event = co_await next_event(time_left());
    if (!event) co_return false;
    const auto* open = std::get_if<xml::StreamOpen>(&*event);
    const auto domain = open ? check_open(*open, [this](std::string_view name) { return name == domain_; })
                             : std::expected<std::string, std::string_view>{std::unexpect, "bad-format"};
    if (!domain) {
        auto condition = domain.error();
        if (auto* fault = std::get_if<xml::StreamFault>(&*event)) condition = fault->condition;
        co_await fail_now(condition);
        co_return false;
    }
    language_ = foreign_language(*open);
    auto text = wire_.open({domain_, user_.str(), make_stream_id()});
    opened_ = true;
    text += wire_.features(features_after_log_in());
    co_return co_await await_binding(std::move(text));
}

std::vector<xml::Element> Connection::features_after_log_in() const {
    std::vector<xml::Element> features;
    features.emplace_back("bind", kBind).add("required");
    features.emplace_back("session", kSession).add("optional");  // RFC 3921; clients of old wait for it
    features.emplace_back("sm", kManagement);
    features.emplace_back("csi", kClientState);
    if (auto* host = stage_->stages.environment.host(stage_->shard.index(), domain_)) {
        for (auto& feature : host->features_after_login()) features.push_back(std::move(feature));
    }
    return features;
}

/// What is left to be negotiated when there is a resource.
std::vector<xml::Element> Connection::features_after_binding() const {
    auto features = features_after_log_in();
    std::erase_if(features, [this](const auto& each) {
        return each.ns() == kBind || each.ns() == kSession || (management_ && each.ns() == kManagement);
    });
    return features;
}

/// Sends `text`, and reads until a resource is bound or a session resumed.
awaitable<bool> Connection::await_binding(std::string text) {
    bool sent = co_await write(std::move(text));
    while (sent && !dead_) {
        auto element = co_await get();
        if (!element) co_return false;
        if (element->ns() == kManagement) {
            std::string answer;
            const auto outcome = resume(*element, answer);
            if (outcome == Resumption::done) {
                output_.push_text(answer);
                replay();
                co_return true;
            }
            if (outcome == Resumption::refused) {
                sent = co_await put(std::move(answer));
                continue;
            }
            sent = co_await write(std::move(answer));
            socket_.shutdown_send();
            co_await linger();
            co_return false;
        }
        const auto* request = element->child("bind", kBind);
        if (!element->is("iq", kClient) || element->attribute("type") != "set" || !request) {
            co_await fail_now("not-authorized");  // §7.1: nothing before a resource is bound
            co_return false;
        }
        auto refused = co_await bind_request(*element);
        if (!refused) co_return !dead_;
        sent = co_await put(std::move(*refused));
    }
    co_return false;
}

/// Binds, and queues the answer; else the error stanza as text.
awaitable<std::optional<std::string>> Connection::bind_request(const xml::Element& iq) {
    const auto refusal = [&](const xmpp::StanzaError& error) {
        auto reply = xmpp::error_reply(iq, error);
        return std::optional{reply ? xml::to_string(*reply, wire_.content_ns()) : std::string{}};
    };
    if (iq.attribute("id").empty()) co_return refusal(xmpp::StanzaError::bad_request());
    auto* host = stage_->stages.environment.host(stage_->shard.index(), domain_);
    auto resource = iq.child("bind", kBind)->child_text("resource", kBind);
    auto user = user_;
    auto bound = co_await stage_->stages.sessions.bind(*host, std::move(user), std::move(resource), *this);
    if (!bound) co_return refusal(bound.error());
    session_ = *bound;
    stage_->recover(user_);
    if (dead_ || phase_ == Phase::closing) {
        end_session();
        co_return std::nullopt;
    }
    phase_ = Phase::session;
    xml::Element reply{"iq", kClient};
    reply.set("type", "result").set("id", iq.attribute("id"));
    reply.add("bind", kBind).add("jid").add_text(session_->jid().str());
    output_.push(reply, false);
    schedule_flush();
    log::debug("session bound", {{"jid", session_->jid().str()}, {"peer", peer_address_}});
    co_return std::nullopt;
}

awaitable<void> Connection::read_stanzas() {
    unsigned burst = 0;
    while (phase_ == Phase::session && !dead_) {
        Event event{parsed_event()};
        const bool more = std::holds_alternative<xml::NeedMore>(*event);
        // Most of its life a client says nothing: without the frames of next_event() and what that calls.
        if (more && unread_.empty() && socket_.is_quiet()) co_await socket_.readable();
        if (more || std::holds_alternative<xml::StreamFault>(*event)) event = co_await next_event(net::Socket::kNever);
        if (!event) co_return;
        if (phase_ != Phase::session) break;
        if (auto* element = std::get_if<xml::Element>(&*event)) {
            stage_->parse.stanzas.add();
            if (element->ns() == kManagement || element->ns() == kClientState) {
                if (!manage(*element)) break;
            } else if (!take(std::move(*element))) {
                break;
            }
            if (stanza_pending_) co_await wait_for_turn();
            co_await keep_pace();
            if (++burst % kBurst == 0) {
                const auto executor = co_await asio::this_coro::executor;
                co_await asio::post(executor, asio::use_awaitable);
                const auto& channel = *stage_->stages.environment.channel;
                for (std::size_t i = 0; i < stage_->host.shard_count() && !dead_; ++i) {
                    while (channel.congested(i) && !dead_) {  // a shard is behind: feed it no more for a moment
                        asio::steady_timer pause{executor, kCongestionPause};
                        co_await pause.async_wait(asio::use_awaitable);
                    }
                }
            }
        } else if (auto* fault = std::get_if<xml::StreamFault>(&*event)) {
            fail(fault->condition, fault->text);
            break;
        } else {  // §4.4: the client closes; what it sent before has been dealt with
            flush();
            end_session();
            close({}, {});
            break;
        }
    }
    // §4.4: our closing tag is out or on its way; the client's ends the connection, or the time for it.
    flush();
    while (writing_ && !dead_) {
        asio::steady_timer pause{co_await asio::this_coro::executor, std::chrono::milliseconds{10}};
        co_await pause.async_wait(asio::use_awaitable);
    }
    while (!dead_) {
        const auto event = co_await next_event(stage_->options.close_timeout);
        if (!event || std::holds_alternative<xml::StreamClose>(*event)) break;
        if (std::holds_alternative<xml::StreamFault>(*event)) {
            co_await linger();
            break;
        }
    }
}

/// False: the stream is to end.
bool Connection::take(xml::Element element) {
    if (!session_) return false;
    // It counts from here on: whatever becomes of the connection, it will be dealt with.
    if (management_) management_->handled();
    if (legacy_session(element)) return true;
    // RFC 6120 §8.1.5: its addressee does not see the stream that it came by.
    if (!language_.empty() && !element.has_attribute("xml:lang")) element.set("xml:lang", language_);
    if (element.name() == "presence" && element.has_attribute("to")) client_state().note_presence(element);
    stanza_pending_ = true;
    const auto taken = stage_->stages.process.from_session(*session_, std::move(element), [this] {
        stanza_pending_ = false;
        if (pause_) pause_->cancel();
    });
    if (taken) return true;
    stanza_pending_ = false;
    fail(taken.error().condition, taken.error().text);
    return false;
}

/// RFC 3921 §3: answered and otherwise without meaning. A second bind is refused (RFC 6120 §7).
bool Connection::legacy_session(const xml::Element& element) {
    if (!element.is("iq", kClient) || element.attribute("type") != "set") return false;
    if (element.child("session", kSession)) {
        xml::Element reply{"iq", kClient};
        reply.set("type", "result").set("id", element.attribute("id"));
        reply.set("from", domain_);
        send(reply, nullptr);
        return true;
    }
    if (element.child("bind", kBind)) {
        if (auto reply = xmpp::error_reply(element, xmpp::StanzaError::not_allowed())) send(*reply, nullptr);
        return true;
    }
    return false;
}

/// Nothing while this is the account's only session, which its own pace holds.
Pace* Connection::account_pace() {
    if (!session_) return nullptr;
    auto& account = static_cast<session::LocalAccount&>(session_->account());
    if (account.local_sessions().size() < 2) return nullptr;
    auto& kept = account.slots().get<AccountPace>();
    if (!kept.pace) kept.pace.emplace(stage_->options, AccountPace::kShare);
    return &*kept.pace;
}

/// After each stanza: a client that is faster than it may be is not read for a while.
awaitable<void> Connection::keep_pace() {
    pace_.stanza(last_input_);
    if (auto* of_all = account_pace()) of_all->stanza(last_input_);
    bool counted = false;
    while (!dead_ && phase_ == Phase::session) {
        const auto now = stage_->stages.environment.clock->now();
        auto owed = pace_.debt();
        if (auto* of_all = account_pace()) {
            if (of_all->debt().count() > 0) of_all->rest(now);
            owed = std::max(owed, of_all->debt());
        }
        if (owed.count() == 0) co_return;
        if (!std::exchange(counted, true)) stage_->throttled.add();
        pause_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor);
        pause_->expires_after(std::min<std::chrono::milliseconds>(owed, std::chrono::seconds{1}));
        boost::system::error_code cancelled;
        co_await pause_->async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        pause_.reset();
        pace_.rest(stage_->stages.environment.clock->now());
    }
}

awaitable<void> Connection::wait_for_turn() {
    pause_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor);
    while (stanza_pending_) {
        pause_->expires_at(asio::steady_timer::time_point::max());
        boost::system::error_code cancelled;
        co_await pause_->async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    pause_.reset();
}

}  // namespace carillon::stream
