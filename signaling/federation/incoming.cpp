#include "signaling/federation/incoming.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/federation/acks.h"
#include "signaling/federation/dialback.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::federation {

namespace asio = boost::asio;

namespace {

constexpr unsigned kMostVerified = 64;  // domains on one stream
constexpr unsigned kMostVerifying = 8;
constexpr unsigned kMostFailures = 3;
constexpr std::size_t kOctetsBeforeProof = 10 * 1024;

std::string domain_of(std::string_view text) {
    const auto jid = xmpp::Jid::parse(text);
    return jid && jid->is_domain() ? std::string{jid->domain()} : std::string{};
}

}  // namespace

Incoming::Incoming(host::Host& host, host::Stages& stages, Surroundings around, Counted counted, net::Accepted accepted,
                   bool direct_tls)
    : host_{host},
      stages_{stages},
      around_{around},
      counted_{counted},
      place_{std::move(accepted.place)},
      stream_{net::Socket{std::move(accepted.socket)}, kOctetsBeforeProof},
      intake_{host, stages},
      direct_tls_{direct_tls} {
    peer_address_ = accepted.peer.empty() ? stream_.socket().peer_address() : std::move(accepted.peer);
    stream_.socket().rebind(around.io);  // it was accepted on the listener's shard
    deadline_ = stages.environment.clock->now() + around.options.open_timeout;
}

void Incoming::start() {
    counted_.accepted.add();
    counted_.open.add();
    asio::co_spawn(
        around_.io, [self = shared_from_this()] { return self->run(); },
        [self = shared_from_this()](std::exception_ptr) { self->end(); });
}

void Incoming::end() {
    ended_ = true;
    stream_.close();
    counted_.open.subtract();
    among_streams_.reset();
    if (way_) around_.board.lost(way_between_.first, way_between_.second, way_);
    way_.reset();
}

void Incoming::stop() {
    (void)stream_.socket().try_write(stream::error_text("system-shutdown") + "</stream:stream>");
    stream_.close();
}

bool Incoming::serves(std::string_view domain) const { return host_.serves(domain) || stages_.router.serves(domain); }

bool Incoming::may_speak(std::string_view from, std::string_view to) const {
    return certified_.contains(from) || dialed_.contains({std::string{from}, std::string{to}});
}

std::chrono::milliseconds Incoming::patience() const {
    // What goes the other way is no sign of life, unless it is acknowledged.
    if (way_ && !stream_.counting()) return 3 * around_.options.idle;
    if (proved()) return around_.options.idle + std::chrono::seconds{60};
    const auto left = deadline_ - stages_.environment.clock->now();
    return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds{1});
}

awaitable<bool> Incoming::put(std::string text) {
    co_return co_await stream_.put(std::move(text), around_.options.write_timeout);
}

awaitable<void> Incoming::fail(std::string_view condition, std::string_view text) {
    counted_.refused.add();
    auto last = opened_ ? std::string{} : PeerStream::open_tag(local_, claimed_, stream::make_stream_id());
    last += stream::error_text(condition, text);
    last += "</stream:stream>";
    const bool sent = co_await put(std::move(last));
    if (sent) stream_.socket().shutdown_send();
    // What still comes is dropped: closing with unread octets would reset the connection and lose the reason.
    for (int i = 0; sent && i < 64; ++i) {
        const auto more = co_await stream_.next(std::chrono::milliseconds{500});
        if (!more || !std::holds_alternative<xml::Element>(*more)) break;
    }
}

awaitable<void> Incoming::run() {
    if (direct_tls_) {
        const bool secured = co_await start_tls();
        if (!secured) co_return;
    }
    for (;;) {
        auto event = co_await stream_.next(patience());
        if (!event) {
            if (!proved()) co_await fail("connection-timeout");
            co_return;
        }
        bool go_on = false;
        if (auto* element = std::get_if<xml::Element>(&*event)) {
            go_on = co_await take(std::move(*element));
        } else if (auto* opening = std::get_if<xml::StreamOpen>(&*event)) {
            go_on = co_await open(*opening);
        } else if (auto* fault = std::get_if<xml::StreamFault>(&*event)) {
            const auto condition = fault->condition;
            co_await fail(condition, fault->text);
        } else {
            go_on = co_await put("</stream:stream>");
            co_return;
        }
        if (!go_on) co_return;
    }
}

awaitable<bool> Incoming::start_tls() {
    auto context = around_.tls.current();
    if (!context) co_return false;
    const auto done = co_await stream_.socket().accept_tls(std::move(context), patience());
    opened_ = false;
    co_return done.has_value();
}

awaitable<bool> Incoming::open(const xml::StreamOpen& opening) {
    claimed_ = domain_of(opening.root.attribute("from"));
    const auto to = domain_of(opening.root.attribute("to"));
    std::string_view problem;
    if (opening.root.ns() != stream::kStreams || opening.content_ns != kServer)
        problem = "invalid-namespace";
    else if (!opening.root.attribute("to").empty() && !serves(to))
        problem = "host-unknown";
    else if (opening.root.attribute("version").empty() && around_.options.policy(claimed_).require_tls)
        problem = "unsupported-version";
    else if (!claimed_.empty() && serves(claimed_))
        problem = "not-authorized";
    else if (!claimed_.empty() && !permitted(around_.options, claimed_))
        problem = "policy-violation";
    local_ = problem.empty() ? to : std::string{};
    if (!problem.empty()) {
        co_await fail(problem);
        co_return false;
    }
    id_ = stream::make_stream_id();
    opened_ = true;
    auto text = PeerStream::open_tag(local_, claimed_, id_);
    if (!opening.root.attribute("version").empty()) text += features();
    const bool sent = co_await put(std::move(text));
    if (sent && certified_.contains(claimed_) && !local_.empty()) offer_way(local_, claimed_);
    co_return sent;
}

std::string Incoming::features() const {
    std::vector<xml::Element> list;
    const auto& socket = const_cast<PeerStream&>(stream_).socket();
    if (!socket.is_tls()) {
        if (around_.tls.current()) {
            auto& starttls = list.emplace_back("starttls", stream::kTls);
            if (policy().require_tls) starttls.add("required");
        }
    } else if (!claimed_.empty() && !local_.empty() && !certified_.contains(claimed_) && socket.peer_is(claimed_)) {
        list.emplace_back("mechanisms", stream::kSasl).add("mechanism").add_text("EXTERNAL");
    }
    if ((socket.is_tls() || !policy().require_tls) && policy().dialback) {
        list.emplace_back("dialback", "urn:xmpp:features:dialback").add("errors");
    }
    if (socket.is_tls() && policy().bidi && !proved()) list.emplace_back("bidi", kBidiFeature);
    if (socket.is_tls()) list.emplace_back("sm", kAcks);
    return stream::features_text(list);
}

/// False: the stream is over.
awaitable<bool> Incoming::take(xml::Element element) {
    if (element.is("starttls", stream::kTls)) {
        if (stream_.socket().is_tls() || !around_.tls.current()) {
            const bool told = co_await put("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
            co_return told && false;
        }
        const bool proceeding = co_await put("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        if (!proceeding) co_return false;
        stream_.restart_discarding();
        co_return co_await start_tls();
    }
    if (!stream_.socket().is_tls() && policy().require_tls) {
        co_await fail("policy-violation", "TLS comes first");
        co_return false;
    }
    if (element.is("auth", stream::kSasl)) co_return co_await authenticate(element);
    if (element.is("result", kDialback)) co_return co_await dialback_result(element);
    if (element.is("verify", kDialback)) co_return co_await dialback_verify(element);
    if (element.ns() == kAcks) co_return co_await manage(element);
    if (element.is("bidi", kBidi)) {  // XEP-0288 §2: before anything is proved
        wants_answers_ = !proved() && policy().bidi && stream_.socket().is_tls();
        co_return true;
    }
    if (element.ns() == kServer) co_return co_await stanza(std::move(element));
    co_await fail("unsupported-stanza-type");
    co_return false;
}

/// XEP-0178 §3: the certificate says it, or nothing does.
awaitable<bool> Incoming::authenticate(const xml::Element& auth) {
    const auto claim = auth.text() == "=" ? std::optional{std::string{}} : stream::base64_decode(auth.text());
    const auto domain = !claim || claim->empty() ? claimed_ : domain_of(*claim);
    const bool fine = auth.attribute("mechanism") == "EXTERNAL" && !domain.empty() && !serves(domain) &&
                      permitted(around_.options, domain) && stream_.socket().peer_is(domain);
    if (!fine) {
        counted_.refused.add();
        const bool told = co_await put("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
        co_return told && ++failed_ < kMostFailures;  // dialback may still do
    }
    if (!admit(domain)) {
        co_await fail("resource-constraint", "too many streams");
        co_return false;
    }
    certified_.insert(domain);
    stream_.restart();
    opened_ = false;
    co_return co_await put("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
}

/// XEP-0220 §2.2.1: somebody says that they are `from`, and we ask there.
awaitable<bool> Incoming::dialback_result(const xml::Element& result) {
    if (result.has_attribute("type")) co_return true;  // §3.1: an answer to what was never asked here
    const auto from = domain_of(result.attribute("from"));
    const auto to = domain_of(result.attribute("to"));
    std::string_view error;
    if (from.empty() || serves(from))
        error = "not-authorized";
    else if (to.empty() || !serves(to))
        error = "item-not-found";
    else if (!permitted(around_.options, from))
        error = "policy-violation";
    else if (const auto& rules = around_.options.policy(from);
             !rules.dialback || (rules.require_certificate && !stream_.socket().peer_is(from)))
        error = "not-authorized";
    else if (rules.require_tls && !stream_.socket().is_tls())
        error = "policy-violation";
    else if (dialed_.size() >= kMostVerified || verifying_ >= kMostVerifying)
        error = "resource-constraint";
    if (!error.empty()) {
        counted_.refused.add();
        co_return co_await put(dialback_error("result", result.attribute("to"), result.attribute("from"), {}, error));
    }
    ++verifying_;
    asio::co_spawn(
        around_.io,
        [self = shared_from_this(), from, to, id = id_, key = result.text()] {
            return self->check_key(from, to, id, key);
        },
        [self = shared_from_this()](std::exception_ptr) { --self->verifying_; });
    co_return true;
}

awaitable<void> Incoming::check_key(std::string from, std::string to, std::string id, std::string key) {
    const auto valid = co_await verify_key(around_, to, from, id, key);
    if (ended_) co_return;
    if (!valid) {  // §2.5: nobody could be asked, which says nothing about the key
        counted_.refused.add();
        const auto condition = std::string{valid.error().condition};
        (void)co_await put(dialback_error("result", to, from, {}, condition));
        co_return;
    }
    if (!*valid) {
        counted_.refused.add();
        log::info("dialback refused", {{"domain", from}, {"address", peer_address_}});
        if (proved()) {  // §2.1.2: other domains go on with the stream
            (void)co_await put(dialback_error("result", to, from, {}, "forbidden"));
            co_return;
        }
        (void)co_await put(dialback_element("result", to, from, {}, "invalid") + "</stream:stream>");
        stream_.socket().shutdown_send();
        stream_.close();  // §2.2.1: an invalid key ends the stream
        co_return;
    }
    if (!admit(from)) {
        counted_.refused.add();
        (void)co_await put(dialback_error("result", to, from, {}, "resource-constraint"));
        co_return;
    }
    dialed_.insert({from, to});
    const bool told = co_await put(dialback_element("result", to, from, {}, "valid"));
    if (ended_) co_return;
    if (told) {
        offer_way(to, from);
    } else {
        stream_.close();
    }
}

/// A domain has proved itself: from the first one on, its rules hold for the stream.
bool Incoming::admit(std::string_view domain) {
    if (meter_) return true;
    const auto& rules = around_.options.policy(domain);
    auto meter = around_.meters.of(domain, rules);
    among_streams_ = Meter::enter(meter);
    if (!among_streams_) return false;
    meter_ = std::move(meter);
    stream_.set_stanza_octets(rules.stanza_octets);
    return true;
}

/// XEP-0220 §2.3: another server asks whether a key is ours.
awaitable<bool> Incoming::dialback_verify(const xml::Element& verify) {
    if (verify.has_attribute("type")) co_return true;  // §3.1: an answer to what was never asked here
    const auto originating = domain_of(verify.attribute("to"));
    const auto receiving = domain_of(verify.attribute("from"));
    const auto id = verify.attribute("id");
    if (originating.empty() || !serves(originating)) {
        co_return co_await put(
            dialback_error("verify", verify.attribute("to"), verify.attribute("from"), id, "item-not-found"));
    }
    const bool valid = !receiving.empty() && same_key(verify.text(), dialback_key(around_.options.dialback_secret,
                                                                                  receiving, originating, id));
    co_return co_await put(dialback_element("verify", originating, receiving, id, valid ? "valid" : "invalid"));
}

awaitable<bool> Incoming::stanza(xml::Element element) {
    to_client_namespace(element);
    const auto from = xmpp::Jid::parse(element.attribute("from"));
    const auto to = xmpp::Jid::parse(element.attribute("to"));
    if (!from || !to) {  // RFC 6120 §4.9.3.7
        co_await fail("improper-addressing");
        co_return false;
    }
    if (!may_speak(from->domain(), to->domain())) {
        co_await fail(proved() ? "invalid-from" : "not-authorized");  // §4.9.3.9, §4.9.3.12
        co_return false;
    }
    if (!serves(to->domain())) {
        co_await fail("host-unknown");
        co_return false;
    }
    counted_.stanzas.add();
    ++received_;
    intake_.take(std::move(element));
    co_await intake_.breathe();
    co_await pay(meter_, stream_.take_octets_read());
    co_return true;
}

}  // namespace carillon::federation
