#include "signaling/federation/link.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/federation/dialback.h"
#include "signaling/router/delivery_rules.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::federation {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kBatch = 64 * 1024;  // octets of stanzas in one write
constexpr int kMostAttempts = 3;           // in a row, of which none carried anything
constexpr std::chrono::milliseconds kBeforeNextAttempt{500};
constexpr std::string_view kCloseTag = "</stream:stream>";

bool offers_external(const xml::Element& features) {
    const auto* mechanisms = features.child("mechanisms", stream::kSasl);
    if (!mechanisms) return false;
    for (const auto* mechanism : mechanisms->children()) {
        if (mechanism->text() == "EXTERNAL") return true;
    }
    return false;
}

}  // namespace

Link::Link(host::Stages& stages, Surroundings around, std::string local, std::string remote)
    : stages_{stages},
      around_{around},
      local_{std::move(local)},
      remote_{std::move(remote)},
      wake_{around.io},
      opening_{around.io} {}

void Link::send(xmpp::Stanza stanza) {
    const auto size = xml::to_string(stanza.element()).size();
    if (queue_.size() >= around_.options.queued_stanzas || octets_ + size > around_.options.queued_octets) {
        return bounce(stanza, xmpp::StanzaError::resource_constraint());
    }
    octets_ += size;
    queue_.push_back(std::move(stanza));
    wake_.cancel();
    if (std::exchange(started_, true)) return;
    asio::co_spawn(
        around_.io, [self = shared_from_this()] { return self->run(); },
        [self = shared_from_this()](std::exception_ptr failure) {
            if (failure) log::error("a link failed", {{"domain", self->remote_}});
            self->end(xmpp::StanzaError::remote_server_timeout());
        });
}

awaitable<void> Link::run() {
    for (int attempt = 0; attempt < kMostAttempts && !ended_; ++attempt) {
        if (attempt > 0) log::debug("link opens again", {{"to", remote_}, {"waiting", queue_.size()}});
        auto failure = co_await open_and_prove();
        if (ended_) co_return;
        if (failure) {
            if (try_dialback_alone_) {  // the certificate was not welcome, and the stream is over
                failure = co_await open_and_prove();
                if (ended_) co_return;
            }
            if (failure) {
                end(std::move(failure));
                co_return;
            }
        }
        const auto stream = stream_;
        asio::co_spawn(around_.io, [self = shared_from_this(), stream] { return self->read(stream); }, asio::detached);
        const bool carried = co_await carry(stream);
        if (ended_) co_return;
        open_ = false;
        stream->close();
        if (carried) attempt = 0;
        if (queue_.empty()) {
            end(std::nullopt);
            co_return;
        }
        // The other server went away, as it does when it restarts: what waits gets another chance.
        boost::asio::steady_timer pause{around_.io, kBeforeNextAttempt};
        co_await pause.async_wait(asio::use_awaitable);
    }
    end(xmpp::StanzaError::remote_server_timeout());
}

awaitable<std::optional<Failure>> Link::open_and_prove() {
    // Look-up, connections and call-backs together take this long at most.
    opening_.expires_after(around_.options.open_timeout);
    opening_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
        const auto self = weak.lock();
        if (!cancelled && self && !self->open_) self->end(xmpp::StanzaError::remote_server_timeout());
    });
    auto opened = co_await open_outgoing(around_, local_, remote_);
    if (ended_) co_return std::nullopt;
    if (!opened) {
        opening_.cancel();
        std::optional<Failure> failure{std::move(opened.error())};
        co_return failure;
    }
    secure_ = opened->secure;
    verified_ = opened->verified;
    stream_ = std::move(opened->stream);
    auto refused = co_await prove(*stream_, *opened);
    opening_.cancel();
    if (refused) {
        stream_->close();
        co_return refused;
    }
    open_ = !ended_;
    log::debug("link open", {{"from", local_}, {"to", remote_}, {"secure", secure_}, {"verified", verified_}});
    co_return std::nullopt;
}

/// Tells who we are: by our certificate where that is welcome, else by dialback.
awaitable<std::optional<Failure>> Link::prove(PeerStream& stream, const Opened& opened) {
    if (offers_external(opened.features) && !std::exchange(try_dialback_alone_, false)) {
        const bool done = co_await authenticate_externally(stream);
        if (done) co_return std::nullopt;
        try_dialback_alone_ = true;
    }
    std::optional<Failure> failure{xmpp::StanzaError::remote_server_timeout()};
    const auto key = dialback_key(around_.options.dialback_secret, remote_, local_, opened.id);
    const bool sent =
        co_await stream.put(dialback_element("result", local_, remote_, {}, {}, key), around_.options.connect_timeout);
    // The other server now calls back, which takes it as long as it takes us.
    for (int i = 0; sent && i < 8; ++i) {
        const auto answer = co_await stream.element(around_.options.open_timeout);
        if (!answer) break;
        if (!answer->is("result", kDialback) || answer->attribute("from") != remote_ ||
            answer->attribute("to") != local_) {
            continue;
        }
        try_dialback_alone_ = false;
        const auto type = answer->attribute("type");
        if (type == "valid") co_return std::nullopt;
        // XEP-0220 §2.1.1: a key found invalid is our fault, an error the way's.
        if (type == "invalid") failure = xmpp::StanzaError::internal_server_error();
        failure->text = "The server of " + remote_ + " does not believe that we are " + local_;
        break;
    }
    co_return failure;
}

/// XEP-0178 §3. False: dialback may still do.
awaitable<bool> Link::authenticate_externally(PeerStream& stream) {
    const auto deadline = around_.options.connect_timeout;
    bool fine = co_await stream.put("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" +
                                        stream::base64_encode(local_) + "</auth>",
                                    deadline);
    if (!fine) co_return false;
    const auto answer = co_await stream.element(deadline);
    if (!answer || answer->name() != "success") co_return false;
    stream.restart();
    fine = co_await stream.put(PeerStream::open_tag(local_, remote_, {}), deadline);
    if (!fine) co_return false;
    const auto open = co_await stream.next(deadline);
    if (!open || !std::holds_alternative<xml::StreamOpen>(*open)) co_return false;
    const auto features = co_await stream.element(deadline);
    co_return features.has_value();
}

/// Until the stream is over or idle. Whether anything got through.
awaitable<bool> Link::carry(std::shared_ptr<PeerStream> stream) {
    bool carried = false;
    while (!ended_ && open_) {
        if (queue_.empty()) {
            wake_.expires_after(around_.options.idle);
            boost::system::error_code woken;
            co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            if (!queue_.empty() || woken) continue;
            const bool said = co_await stream->put(std::string{kCloseTag}, around_.options.connect_timeout);
            log::debug("idle link closes", {{"to", remote_}, {"said", said}});
            break;
        }
        std::string text;
        std::size_t count = 0;
        while (count < queue_.size() && text.size() < kBatch) xml::write(text, queue_[count++].element());
        const auto size = text.size();
        const bool written = co_await stream->put(std::move(text), around_.options.write_timeout);
        if (ended_ || !written) break;
        carried = true;
        for (; count > 0; --count) {
            if (queue_.front().custody()) queue_.front().custody()->reached();
            queue_.pop_front();
        }
        octets_ = octets_ > size ? octets_ - size : 0;
    }
    co_return carried;
}

/// What comes back on such a stream: its end, sooner or later.
awaitable<void> Link::read(std::shared_ptr<PeerStream> stream) {
    const auto self = shared_from_this();
    for (;;) {
        const auto event = co_await stream->next(net::Socket::kNever);
        if (event && std::holds_alternative<xml::Element>(*event)) continue;
        break;
    }
    if (stream_ != stream) co_return;
    open_ = false;
    stream->close();
    wake_.cancel();
}

void Link::stop() { end(xmpp::StanzaError::remote_server_timeout()); }

void Link::end(std::optional<Failure> failure) {
    if (std::exchange(ended_, true)) return;
    open_ = false;
    ended_at_ = stages_.environment.clock->now();
    if (stream_) stream_->close();
    wake_.cancel();
    opening_.cancel();
    if (failure) {
        log::info("federation", {{"to", remote_}, {"why", std::string{failure->condition} + ' ' + failure->text}});
        for (const auto& stanza : queue_) bounce(stanza, *failure);
    }
    queue_.clear();
    failure_ = std::move(failure);
}

/// RFC 6120 §10.4: what cannot get there is answered; presence only where somebody waits for it.
void Link::bounce(const xmpp::Stanza& stanza, const Failure& failure) {
    if (stanza.is_presence() && !router::is_subscription(stanza.type())) return;
    stages_.router.reply_error(stanza, failure);
    stages_.router.drain();
}

}  // namespace carillon::federation
