#include "signaling/components/seat.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/router/delivery_rules.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::components {

namespace asio = boost::asio;

namespace {
constexpr std::size_t kBatch = 64 * 1024;  // octets in one write
}

void Seat::send(xmpp::Stanza stanza) {
    if (!stream_ && !away_) {
        return bounce(stanza, xmpp::StanzaError::service_unavailable().with_text("The component is not connected"));
    }
    // The prefixless namespace of the stream is jabber:component:accept: stanzas, written for jabber:client, take its.
    auto text = xml::to_string(stanza.element());
    if (queue_.size() >= options_.queued_stanzas || octets_ + text.size() > options_.queued_octets) {
        return bounce(stanza, xmpp::StanzaError::resource_constraint());
    }
    octets_ += text.size();
    queue_.push_back({std::move(stanza), std::move(text)});
    wake_.cancel();
}

void Seat::sit(std::shared_ptr<federation::PeerStream> stream) {
    stream_ = stream;
    away_ = false;
    return_.cancel();
    counted_.connections.add();
    log::info("component connected", {{"domain", component_.domain}});
    asio::co_spawn(
        stages_.shard.io(), [self = shared_from_this(), stream] { return self->carry(stream); }, asio::detached);
}

void Seat::leave(const federation::PeerStream* stream) {
    if (!stream_ || stream_.get() != stream) return;
    stream_.reset();
    counted_.connections.subtract();
    log::info("component gone", {{"domain", component_.domain}, {"waiting", queue_.size()}});
    wake_.cancel();
    if (options_.away.count() <= 0) return give_up();
    away_ = true;
    return_.expires_after(options_.away);
    return_.async_wait([weak = weak_from_this()](boost::system::error_code cancelled) {
        const auto self = weak.lock();
        if (!cancelled && self && self->away_) self->give_up();
    });
}

void Seat::give_up() {
    away_ = false;
    octets_ = 0;
    for (auto& waiting : std::exchange(queue_, {})) {
        bounce(waiting.stanza, xmpp::StanzaError::service_unavailable().with_text("The component has gone"));
    }
}

void Seat::dismiss(std::string_view condition) {
    if (!stream_) return;
    const auto stream = stream_;
    (void)stream->socket().try_write(stream::error_text(condition) + std::string{stream::kCloseTag});
    stream->close();
    leave(stream.get());
}

void Seat::close() {
    dismiss("system-shutdown");
    return_.cancel();
    give_up();
}

awaitable<void> Seat::carry(std::shared_ptr<federation::PeerStream> stream) {
    while (stream_ == stream) {
        if (queue_.empty()) {
            wake_.expires_at(asio::steady_timer::time_point::max());
            boost::system::error_code woken;
            co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            continue;
        }
        std::string text;
        std::size_t count = 0;
        while (count < queue_.size() && text.size() < kBatch) text += queue_[count++].text;
        const bool written = co_await stream->put(std::move(text), options_.write_timeout);
        if (stream_ != stream) co_return;
        if (!written) {
            stream->close();  // its reader ends, and leaves
            leave(stream.get());
            co_return;
        }
        for (; count > 0; --count) {
            auto& front = queue_.front();
            octets_ -= front.text.size();
            if (front.stanza.custody()) front.stanza.custody()->reached();
            counted_.sent.add();
            queue_.pop_front();
        }
    }
}

void Seat::bounce(const xmpp::Stanza& stanza, const xmpp::StanzaError& error) {
    counted_.bounced.add();
    if (stanza.is_presence() && !router::is_subscription(stanza.type())) return;
    stages_.router.reply_error(stanza, error);
}

}  // namespace carillon::components
