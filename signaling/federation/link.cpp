#include "signaling/federation/link.h"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/router/delivery_rules.h"

namespace carillon::federation {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kBatch = 64 * 1024;  // octets of stanzas in one write
constexpr int kMostAttempts = 3;           // in a row, of which none carried anything
constexpr std::chrono::milliseconds kBeforeNextAttempt{500};
constexpr std::string_view kCloseTag = "</stream:stream>";

}  // namespace

Link::Link(host::Host& host, host::Stages& stages, Surroundings around, std::string local, std::string remote,
           TheirWay theirs)
    : stages_{stages},
      around_{around},
      policy_{around.options.policy(remote)},
      local_{std::move(local)},
      remote_{std::move(remote)},
      theirs_{std::move(theirs)},
      intake_{host, stages},
      outbox_{policy_.queued_stanzas, policy_.queued_octets},
      wake_{around.io},
      opening_{around.io} {}

void Link::send(xmpp::Stanza stanza) {
    if (!outbox_.push(stanza)) return bounce(stanza, xmpp::StanzaError::resource_constraint());
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
        if (attempt > 0) log::debug("link opens again", {{"to", remote_}, {"waiting", waiting()}});
        way_ = theirs_();
        if (way_) {
            open_ = both_ways_ = true;
            counted_ = false;
            log::debug("link goes back on their stream", {{"from", local_}, {"to", remote_}});
        } else {
            auto failure = co_await open_own();
            if (ended_) co_return;
            if (failure) {
                end(std::move(failure));
                co_return;
            }
        }
        const bool carried = co_await carry();
        if (ended_) co_return;
        open_ = counted_ = false;
        if (stream_) stream_->close();
        stream_.reset();
        way_.reset();
        acks_due_.reset();
        outbox_.retry();
        if (carried) attempt = 0;
        if (outbox_.empty()) {
            end(std::nullopt);
            co_return;
        }
        // The other server went away, as it does when it restarts: what waits gets another chance.
        asio::steady_timer pause{around_.io, kBeforeNextAttempt};
        co_await pause.async_wait(asio::use_awaitable);
    }
    end(xmpp::StanzaError::remote_server_timeout());
}

awaitable<void> Link::nap(std::chrono::milliseconds time) {
    wake_.expires_after(std::max(time, std::chrono::milliseconds{1}));
    boost::system::error_code woken;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

/// Whether the other server owes acknowledgements for too long: a connection that died without a word.
bool Link::overdue() {
    if (!counted_ || outbox_.sent() == 0) {
        acks_due_.reset();
    } else if (!acks_due_) {
        acks_due_ = now() + around_.options.ack_timeout;
    }
    return acks_due_ && now() >= *acks_due_;
}

/// Until the stream is over or idle. Whether anything got through.
awaitable<bool> Link::carry() {
    const auto before = outbox_.settled();
    last_use_ = now();
    while (!ended_ && open_) {
        const auto way = way_;
        if (overdue()) {
            log::info("link: no acknowledgement", {{"to", remote_}, {"unacknowledged", outbox_.sent()}});
            way->close();
            break;
        }
        if (outbox_.waiting() == 0 || outbox_.full()) {
            const auto idle_at = last_use_ + around_.options.idle;
            const auto until = acks_due_ ? *acks_due_ : idle_at;
            if (!acks_due_ && now() >= idle_at) {
                const bool said =
                    stream_ && co_await stream_->put(std::string{kCloseTag}, around_.options.connect_timeout);
                log::debug("idle link closes", {{"to", remote_}, {"said", said}});
                break;
            }
            co_await nap(std::chrono::ceil<std::chrono::milliseconds>(until - now()));
            continue;
        }
        auto batch = outbox_.take(kBatch);
        const auto how = co_await way->put(std::move(batch.text), batch.count);
        if (ended_) break;
        outbox_.written(how);
        if (!how.done) break;
        counted_ = how.counted;
        last_use_ = now();
    }
    co_return outbox_.settled() != before;
}

void Link::lost(const Way* way) {
    if (way_.get() != way) return;
    open_ = false;
    wake_.cancel();
}

void Link::handled(const Way* way, std::uint32_t count) {
    if (way_.get() != way) return;
    outbox_.acknowledged(count);
    acks_due_.reset();
    last_use_ = now();
    wake_.cancel();
}

void Link::stop() { end(xmpp::StanzaError::remote_server_timeout()); }

void Link::end(std::optional<Failure> failure) {
    if (std::exchange(ended_, true)) return;
    open_ = false;
    ended_at_ = now();
    if (stream_) stream_->close();
    wake_.cancel();
    opening_.cancel();
    if (failure) {
        log::info("federation", {{"to", remote_}, {"why", std::string{failure->condition} + ' ' + failure->text}});
        for (const auto& stanza : outbox_.take_all()) bounce(stanza, *failure);
    }
    failure_ = std::move(failure);
}

/// RFC 6120 §10.4: what cannot get there is answered; presence only where somebody waits for it.
void Link::bounce(const xmpp::Stanza& stanza, const Failure& failure) {
    if (stanza.is_presence() && !router::is_subscription(stanza.type())) return;
    stages_.router.reply_error(stanza, failure);
    stages_.router.drain();
}

}  // namespace carillon::federation
