/// The first half of a Connection: from accept to a user who has logged in.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/stream/connection.h"
#include "signaling/stream/inline_features.h"
#include "signaling/stream/stream_text.h"

namespace carillon::stream {

namespace asio = boost::asio;

namespace {
/// Before the answer to the first opening tag inside TLS: @xmpp/client 0.14 listens for it only when its own
/// write is confirmed, which takes it longer than us. With XEP-0388 there is no second opening tag that makes up for
/// it.
constexpr std::chrono::milliseconds kBreath{2};
}  // namespace

Connection::Connection(StreamStage& stage, net::Accepted accepted, bool direct_tls)
    : stage_{&stage},
      place_{std::move(accepted.place)},
      socket_{std::move(accepted.socket)},
      parser_{stage.parse.before_login()},
      peer_address_{socket_.peer_address()},
      pace_{stage.options},
      direct_tls_{direct_tls} {
    socket_.rebind(stage.shard.io());  // it was accepted on the listener's shard
    if (accepted.peer.empty()) return;
    peer_address_ = accepted.peer;
    socket_.set_peer(std::move(accepted.peer));
}

Connection::Connection(StreamStage& stage, WebSocket web)
    : stage_{&stage},
      place_{std::move(web.place)},
      socket_{std::move(web.socket)},
      parser_{stage.parse.before_login()},
      peer_address_{std::move(web.peer_address)},
      wire_{true},
      frames_{std::make_unique<http::FrameReader>()},
      unread_{std::move(web.pending)},
      pace_{stage.options},
      direct_tls_{false},
      secure_{web.secure} {
    output_.set_wire(wire_);
    socket_.rebind(stage.shard.io());
}

Connection::~Connection() = default;

void Connection::start() {
    const auto now = stage_->stages.environment.clock->now();
    deadline_ = now + stage_->options.auth_timeout;
    stage_->accepted.add();
    stage_->add(*this);
    asio::co_spawn(
        stage_->shard.io(), [self = shared_from_this()] { return self->negotiate(); },
        [self = shared_from_this()](std::exception_ptr failure) {
            if (failure) self->lose();
            if (!self->authenticated_ || self->dead_) {
                self->stage_->remove(*self);
                self->socket_.close();
                return;
            }
            self->move_to_owner();
        });
}

net::Socket::Deadline Connection::time_left() const {
    const auto left = deadline_ - stage_->stages.environment.clock->now();
    return std::max(std::chrono::duration_cast<net::Socket::Deadline>(left), net::Socket::Deadline{1});
}

auth::Security Connection::security(bool values) const {
    const auto known = [](bool there) { return there ? std::optional{std::string{}} : std::nullopt; };
    auth::Security found{.tls = encrypted_enough(), .bindings = {}};
    found.bindings.tls_exporter = values ? socket_.tls_exporter() : known(socket_.has_tls_exporter());
    found.bindings.tls_server_end_point =
        values ? socket_.tls_server_end_point() : known(socket_.has_tls_server_end_point());
    found.bindings.tls_unique = socket_.tls_unique();
    for (const auto& address : socket_.client_addresses()) {
        const auto user = xmpp::Jid::parse(address);
        if (user && user->is_bare() && !user->is_domain() && user->domain() == domain_)
            found.certified.push_back(*user);
    }
    return found;
}

awaitable<bool> Connection::put(std::string text) { return write(wire_.framed() ? wire_.element(text) : text); }

awaitable<bool> Connection::write(std::string octets) {
    if (dead_) co_return false;
    writing_ = true;
    const auto sent = co_await socket_.write_all(octets, time_left());
    writing_ = false;
    last_output_ = stage_->stages.environment.clock->now();
    co_return sent.has_value() && !dead_;
}

awaitable<std::optional<xml::Element>> Connection::get() {
    auto event = co_await next_event(time_left());
    if (!event) co_return std::nullopt;
    if (auto* element = std::get_if<xml::Element>(&*event)) co_return std::move(*element);
    if (auto* fault = std::get_if<xml::StreamFault>(&*event)) {
        const auto condition = fault->condition;
        co_await fail_now(condition, fault->text);
    } else if (std::holds_alternative<xml::StreamClose>(*event)) {
        const bool answered = co_await write(wire_.close());
        dead_ = dead_ || !answered;
        dead_ = true;
    }
    co_return std::nullopt;
}

awaitable<void> Connection::negotiate() {
    if (direct_tls_) {
        const bool secured = co_await start_tls();
        if (!secured) co_return;
    }
    bool fresh = true;  // a new stream is to be opened
    while (!dead_) {
        if (fresh) {
            const bool opened = co_await open_stream();
            if (!opened) co_return;
            fresh = false;
        }
        auto element = co_await get();
        if (!element) co_return;
        if (element->is("starttls", kTls)) {
            if (socket_.is_tls() || wire_.framed() || !stage_->tls.current()) {
                // §5.4.2.2: failure, and the stream is over.
                auto answer = wire_.element("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") + wire_.close();
                const bool told = co_await write(std::move(answer));
                dead_ = dead_ || !told;
                co_return;
            }
            const bool proceeding = co_await put("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            if (!proceeding) co_return;
            parser_.restart_discarding();  // §5.4.3.3: what came in the clear counts no more
            const bool secured = co_await start_tls();
            if (!secured) co_return;
            fresh = true;
        } else if (element->is("auth", kSasl) || element->is("authenticate", kSasl2)) {
            const bool in = co_await authenticate(std::move(*element));
            if (in) co_return;
        } else if (element->is("iq", kClient)) {
            const bool answered = co_await answer_stranger(std::move(*element));
            if (!answered) co_return;
        } else {
            co_await fail_now("not-authorized");  // §4.9.3.12
            co_return;
        }
    }
}

awaitable<bool> Connection::open_stream() {
    auto event = co_await next_event(time_left());
    if (!event) co_return false;
    if (auto* fault = std::get_if<xml::StreamFault>(&*event)) {
        const auto condition = fault->condition;
        co_await fail_now(condition, fault->text);
        co_return false;
    }
    const auto* open = std::get_if<xml::StreamOpen>(&*event);
    if (!open) {
        co_await fail_now("bad-format");
        co_return false;
    }
    const auto domain = check_open(*open, [this](std::string_view name) { return stage_->host.serves(name); });
    if (!domain) {
        const auto condition = domain.error();
        co_await fail_now(condition);
        co_return false;
    }
    if (!domain_.empty() && domain_ != *domain) {  // §4.7.2: a restarted stream stays with its host
        co_await fail_now("host-unknown");
        co_return false;
    }
    domain_ = *domain;
    const auto who = xmpp::Jid::parse(open->root.attribute("from"));
    if (who && !who->is_domain() && who->domain() != domain_) {  // XEP-0388 §2.1
        co_await fail_now("invalid-from");
        co_return false;
    }
    from_ = who && !who->is_domain() ? std::optional{who->bare()} : std::nullopt;
    auto text = wire_.open({domain_, who ? who->str() : std::string{}, make_stream_id()});
    opened_ = true;
    text += wire_.features(features());
    if (socket_.is_tls() && !authenticated_) {
        asio::steady_timer pause{co_await asio::this_coro::executor, kBreath};
        co_await pause.async_wait(asio::use_awaitable);
    }
    const bool sent = co_await write(std::move(text));
    co_return sent;
}

std::vector<xml::Element> Connection::features() const {
    std::vector<xml::Element> list;
    const bool tls_possible = !socket_.is_tls() && !wire_.framed() && stage_->tls.current() != nullptr;
    if (tls_possible) {
        auto& starttls = list.emplace_back("starttls", kTls);
        if (stage_->options.require_tls) starttls.add("required");
    }
    if (encrypted_enough() || !stage_->options.require_tls) {
        const auto* host = stage_->stages.environment.host(stage_->shard.index(), domain_);
        auto at_once = host ? inline_features(*host) : std::vector<std::string>{};
        at_once.insert(at_once.end(), {std::string{kClientState}, std::string{kManagement}});
        for (auto& feature : stage_->auth.features(security(false), at_once)) list.push_back(std::move(feature));
        if (host) {
            const runtime::Stranger stranger{peer_address_, socket_.is_tls(), {}};
            for (auto& feature : host->features_before_login(stranger)) list.push_back(std::move(feature));
        }
    }
    return list;
}

awaitable<bool> Connection::start_tls() {
    auto context = stage_->tls.current();
    if (!context) co_return false;
    const auto secured = co_await socket_.accept_tls(std::move(context), time_left());
    if (!secured) {
        stage_->tls_failures.add();
        log::debug("tls handshake failed", {{"peer", peer_address_}, {"why", secured.error().message()}});
        dead_ = true;
        co_return false;
    }
    opened_ = false;
    co_return true;
}

awaitable<bool> Connection::authenticate(xml::Element request) {
    const auto profile = request.ns() == kSasl2 ? SaslProfile::sasl2 : SaslProfile::rfc6120;
    if (!encrypted_enough() && (stage_->options.require_tls || profile == SaslProfile::sasl2)) {
        const bool told = co_await put(failure_text(profile, "encryption-required"));  // §6.5.4
        dead_ = dead_ || !told;
        co_return false;
    }
    if (profile == SaslProfile::sasl2) sasl2_ = read_authenticate(request);
    const auto mechanism = request.attribute("mechanism");
    const bool bound = mechanism.ends_with("-PLUS") || mechanism.starts_with("HT-");
    LoginAttempt attempt{domain_, peer_address_, from_, security(bound), sasl2_.get()};
    auto result = co_await stage_->auth.negotiate(*this, std::move(attempt), std::move(request));
    if (result) {
        user_ = std::move(*result);
        authenticated_ = true;
        co_return true;
    }
    sasl2_.reset();
    if (result.error() == AuthServer::Refusal::unheard) {
        co_await fail_now("not-authorized");
        co_return false;
    }
    if (result.error() == AuthServer::Refusal::gone) {
        dead_ = true;
        co_return false;
    }
    if (++attempts_ >= stage_->options.auth_attempts) {
        co_await fail_now("policy-violation", "Too many failed log-ins");
        co_return false;
    }
    // Guessing is slowed down; a person who mistyped hardly notices.
    asio::steady_timer pause{co_await asio::this_coro::executor, std::chrono::milliseconds{100} * attempts_};
    co_await pause.async_wait(asio::use_awaitable);
    co_return false;
}

/// From here on everything happens where the account lives.
void Connection::move_to_owner() {
    auto& there = stage_->of_shard(stage_->stages.environment.owner(user_));
    stage_->remove(*this);
    if (&there != stage_) socket_.rebind(there.shard.io());
    there.shard.post([self = shared_from_this(), &there] {
        self->stage_ = &there;
        there.add(*self);
        asio::co_spawn(
            there.shard.io(), [self] { return self->serve(); },
            [self](std::exception_ptr) {
                self->lose();
                self->stage_->remove(*self);
            });
    });
}

}  // namespace carillon::stream
