#include "signaling/bosh/session.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/xml/writer.h"

namespace carillon::bosh {

namespace asio = boost::asio;
using asio::awaitable;

namespace {
constexpr std::string_view kManagement = "urn:xmpp:sm:3";

/// §7: ours, or what the client speaks if that is older.
std::string version_for(std::string_view theirs) {
    return theirs.starts_with("1.") && theirs.size() == 3 && theirs < "1.6" ? std::string{theirs} : "1.11";
}
}  // namespace

Session::Session(asio::io_context& io, net::PipeEnd stream, std::string sid, Terms terms, Ended ended)
    : io_{io},
      stream_{std::move(stream)},
      sid_{std::move(sid)},
      terms_{terms},
      ended_{std::move(ended)},
      inactivity_{io} {}

Session::~Session() { stream_.close(); }

awaitable<std::string> Session::create(Body body, std::uint64_t connection) {
    const auto self = shared_from_this();
    to_ = body.to;
    from_ = body.from;
    language_ = body.language;
    version_ = version_for(body.version);
    key_ = body.new_key;
    processed_ = *body.rid;
    auto exchange = std::make_shared<Exchange>(io_, *body.rid, connection, Clock::now() + terms_.wait);
    exchange->until = std::max(exchange->until, Clock::now() + std::chrono::seconds{10});  // the features must come
    held_.push_back(exchange);
    open_stream();
    to_stream(std::move(body));
    respond();
    auto text = co_await wait_for_answer(exchange);
    co_return text;
}

awaitable<std::string> Session::request(Body body, std::uint64_t connection) {
    const auto self = shared_from_this();
    auto exchange = std::make_shared<Exchange>(io_, *body.rid, connection, Clock::now() + terms_.wait);
    inactivity_.cancel();
    pause_ = std::chrono::seconds{0};
    accept(std::move(body), exchange);
    auto text = co_await wait_for_answer(exchange);
    co_return text;
}

awaitable<std::string> Session::wait_for_answer(ExchangePtr exchange) {
    while (!exchange->answer) {
        exchange->timer.expires_at(exchange->until);
        boost::system::error_code woken;
        co_await exchange->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        if (exchange->answer || Clock::now() < exchange->until) continue;
        std::erase(held_, exchange);
        for (auto& [rid, waiting] : waiting_) {
            if (waiting.exchange == exchange) waiting.exchange = nullptr;
        }
        if (creating_) {  // the stream says nothing
            terminate("internal-server-error", exchange);
        } else {
            give(exchange, body_text({}));
            watch_inactivity();
        }
    }
    co_return std::move(*exchange->answer);
}

void Session::accept(Body body, const ExchangePtr& exchange) {
    if (over_) return finish(exchange, terminate_text("item-not-found"));
    if (exchange->rid <= processed_) return accept_again(exchange);
    if (exchange->rid > processed_ + terms_.requests) return terminate("item-not-found", exchange);  // §14
    auto& slot = waiting_[exchange->rid];
    if (slot.exchange) finish(slot.exchange, body_text({}));  // its connection is broken, the client knows
    slot = {std::move(body), exchange};
    work();
    watch_inactivity();
}

/// §14.3: a request that has come before is answered as it was, or waits in the place of the first.
void Session::accept_again(const ExchangePtr& exchange) {
    for (auto& held : held_) {
        if (held->rid != exchange->rid) continue;
        finish(held, body_text({}));
        held = exchange;
        return;
    }
    for (auto& answer : answers_) {
        if (answer.rid != exchange->rid) continue;
        answer.connection = exchange->connection;
        finish(exchange, answer.text);
        return watch_inactivity();
    }
    terminate("item-not-found", exchange);
}

/// What is next in order; while the stream does not keep up, nothing.
void Session::work() {
    while (!over_ && outbox_.empty() && !waiting_.empty() && waiting_.begin()->first == processed_ + 1) {
        auto next = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        ++processed_;
        process(std::move(next.body), std::move(next.exchange));
    }
}

void Session::process(Body body, ExchangePtr exchange) {
    if (!key_fits(body)) return terminate("item-not-found", exchange);
    if (too_fast(body)) return terminate("policy-violation", exchange);
    confirm(body, exchange ? exchange->connection : 0);
    if (body.pause) {
        if (std::chrono::seconds{*body.pause} > terms_.maxpause) return terminate("policy-violation", exchange);
        pause_ = std::chrono::seconds{*body.pause};
    }
    if (exchange) held_.push_back(std::move(exchange));
    to_stream(std::move(body));
    respond();
}

/// §13: each key hashes to the one before; the last of a sequence brings the first of the next.
bool Session::key_fits(const Body& body) {
    if (key_.empty()) return true;
    if (body.key.empty() || key_hash(body.key) != key_) return false;
    key_ = body.new_key.empty() ? body.key : body.new_key;
    return true;
}

/// §12: who polls waits between empty requests; who may leave one with us has no reason to send another.
bool Session::too_fast(const Body& body) {
    if (!body.empty()) {
        quick_polls_ = 0;
        last_poll_.reset();
        return false;
    }
    const auto now = Clock::now();
    const bool quick = last_poll_ && now - *last_poll_ < terms_.polling;
    last_poll_ = now;
    if (terms_.hold == 0 || terms_.wait.count() == 0) return quick && answered_empty_;
    quick_polls_ = quick && !held_.empty() ? quick_polls_ + 1 : 0;
    return quick_polls_ > terms_.requests;
}

/// Which answers the client surely has: those it acknowledges (§9), those without which it could not send this (it has
/// never more than `requests` open), and those that went by the connection that this came by.
void Session::confirm(const Body& body, std::uint64_t connection) {
    for (auto& answer : answers_) {
        const bool surely = body.terminate || (body.ack && answer.rid <= *body.ack) ||
                            answer.rid + terms_.requests <= *body.rid || answer.connection == connection;
        answer.confirmed = answer.confirmed || surely;
    }
    auto count = confirmed_;
    for (const auto& answer : answers_) {
        if (!answer.confirmed) break;
        count = std::max(count, answer.stanzas);
    }
    if (count == confirmed_) return;
    confirmed_ = count;
    acknowledge();
}

void Session::acknowledge() {
    if (managed_) send_frame("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(confirmed_) + "'/>");
}

void Session::to_stream(Body body) {
    if (body.restart) open_stream();
    for (auto& element : body.payload) {
        adopt_namespace(element);
        if (element.ns() == kManagement) {  // it was not offered
            queue_ +=
                "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
                "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
            continue;
        }
        send_frame(xml::to_string(element, {}));
    }
    if (body.terminate) {
        closing_ = true;
        send_frame("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    }
    push();
}

/// XEP-0206 §3 and §4: what a WebSocket client says at the beginning and at a restart.
void Session::open_stream() {
    xml::Element open{"open", "urn:ietf:params:xml:ns:xmpp-framing"};
    open.set("to", to_).set("version", "1.0");
    if (!from_.empty()) open.set("from", from_);
    if (!language_.empty()) open.set("xml:lang", language_);
    send_frame(xml::to_string(open, {}));
    push();
}

void Session::stop() {
    if (!over_) over(terminate_text("system-shutdown"));
}

}  // namespace carillon::bosh
