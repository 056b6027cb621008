#include "signaling/components/visitor.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "config/base/log.h"
#include "signaling/components/handshake.h"
#include "signaling/federation/meter.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::components {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kAccept = "jabber:component:accept";
constexpr std::size_t kOctetsBeforeHandshake = 4096;

std::string open_tag(std::string_view from, std::string_view id) {
    std::string out =
        "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
        "xmlns:stream='http://etherx.jabber.org/streams'";
    for (const auto& [name, value] : {std::pair{" from='", from}, {" id='", id}}) {
        if (value.empty()) continue;
        out += name;
        xml::append_escaped(out, value);
        out += '\'';
    }
    return out + '>';
}

}  // namespace

Visitor::Visitor(host::Host& host, host::Stages& stages, const Options& options, Counted counted,
                 net::Accepted accepted, Find find)
    : host_{host},
      stages_{stages},
      options_{options},
      counted_{counted},
      place_{std::move(accepted.place)},
      stream_{
          std::make_shared<federation::PeerStream>(net::Socket{std::move(accepted.socket)}, kOctetsBeforeHandshake)},
      find_{std::move(find)},
      deadline_{std::chrono::steady_clock::now() + options.handshake_timeout} {
    stream_->socket().rebind(stages.shard.io());
}

void Visitor::start() {
    asio::co_spawn(stages_.shard.io(), [self = shared_from_this()] { return self->meet(); }, asio::detached);
}

std::chrono::milliseconds Visitor::left() const {
    const auto left = deadline_ - std::chrono::steady_clock::now();
    return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds{1});
}

awaitable<void> Visitor::fail(std::string_view condition, std::string_view text) {
    counted_.refused.add();
    log::info("component refused", {{"why", std::string{condition}}});
    auto last = opened_ ? std::string{} : open_tag({}, stream::make_stream_id());
    last += stream::error_text(condition, text);
    last += stream::kCloseTag;
    const bool sent = co_await stream_->put(std::move(last), std::chrono::seconds{5});
    if (sent) stream_->socket().shutdown_send();
    // What still comes is dropped: closing with unread octets would reset the connection and lose the reason.
    for (int i = 0; sent && i < 64; ++i) {
        const auto more = co_await stream_->next(std::chrono::milliseconds{500});
        if (!more || !std::holds_alternative<xml::Element>(*more)) break;
    }
    stream_->close();
}

/// The opening tag says which component it is: its shard takes over.
awaitable<void> Visitor::meet() {
    const auto event = co_await stream_->next(left());
    const auto* open = event ? std::get_if<xml::StreamOpen>(&*event) : nullptr;
    if (!open) {
        const auto* fault = event ? std::get_if<xml::StreamFault>(&*event) : nullptr;
        co_await fail(fault ? fault->condition : "connection-timeout");
        co_return;
    }
    if (open->root.ns() != stream::kStreams || open->content_ns != kAccept) {
        co_await fail("invalid-namespace");
        co_return;
    }
    const auto domain = xmpp::Jid::parse(open->root.attribute("to"));
    auto place = domain && domain->is_domain() ? find_(domain->domain()) : Place{};
    if (!place.seat) {
        co_await fail("host-unknown");
        co_return;
    }
    asio::post(place.stages->shard.io(), [self = shared_from_this(), place] {
        self->stream_->socket().rebind(place.stages->shard.io());
        asio::co_spawn(place.stages->shard.io(), [self, place] { return self->prove(place); }, asio::detached);
    });
}

awaitable<void> Visitor::prove(Place place) {
    id_ = stream::make_stream_id();
    opened_ = true;
    const bool fine = co_await stream_->put(open_tag(place.seat->component().domain, id_), left());
    if (!fine) co_return;
    const bool known = co_await shake_hands(place);
    if (!known) co_return;
    co_await listen(place);
    stream_->close();
    place.seat->leave(stream_.get());
}

awaitable<bool> Visitor::shake_hands(const Place& place) {
    const auto event = co_await stream_->next(left());
    const auto* element = event ? std::get_if<xml::Element>(&*event) : nullptr;
    if (!element) {
        const auto* fault = event ? std::get_if<xml::StreamFault>(&*event) : nullptr;
        co_await fail(fault ? fault->condition : "connection-timeout");
        co_return false;
    }
    if (!element->is("handshake", kAccept) || !handshake_fits(element->text(), id_, place.seat->component().secret)) {
        co_await fail("not-authorized");
        co_return false;
    }
    if (place.seat->taken()) {
        if (!options_.replace) {
            co_await fail("conflict");
            co_return false;
        }
        place.seat->dismiss("conflict");
    }
    stream_->set_stanza_octets(options_.stanza_octets);
    // The answer is queued before anything that the seat sends.
    place.seat->sit(stream_);
    co_return co_await stream_->put("<handshake/>", options_.write_timeout);
}

awaitable<void> Visitor::listen(Place place) {
    federation::Intake intake{host_, *place.stages};
    federation::DomainPolicy rates;
    rates.octets_per_second = options_.octets_per_second;
    rates.stanzas_per_second = options_.stanzas_per_second;
    const auto meter = std::make_shared<federation::Meter>(rates);
    for (;;) {
        auto event = co_await stream_->next(net::Socket::kNever);
        if (!event) co_return;
        bool go_on = false;
        if (auto* element = std::get_if<xml::Element>(&*event)) {
            go_on = co_await stanza(std::move(*element), place.seat->component(), intake);
            co_await federation::pay(meter, stream_->take_octets_read());
        } else if (const auto* fault = std::get_if<xml::StreamFault>(&*event)) {
            const auto condition = fault->condition;
            co_await fail(condition, fault->text);
        } else if (std::holds_alternative<xml::StreamClose>(*event)) {
            (void)co_await stream_->put(std::string{stream::kCloseTag}, std::chrono::seconds{5});
        }
        if (!go_on) co_return;
    }
}

/// XEP-0114 §3: both addresses are there, and 'from' is somebody of the component's own domain.
awaitable<bool> Visitor::stanza(xml::Element element, const Component& component, federation::Intake& intake) {
    if (element.ns() != kAccept) {
        co_await fail("unsupported-stanza-type");
        co_return false;
    }
    federation::to_client_namespace(element, kAccept);
    const auto& name = element.name();
    if (name != "message" && name != "presence" && name != "iq") {
        co_await fail("unsupported-stanza-type");
        co_return false;
    }
    const auto from = xmpp::Jid::parse(element.attribute("from"));
    const auto to = xmpp::Jid::parse(element.attribute("to"));
    if (!from || !to) {
        co_await fail("improper-addressing");
        co_return false;
    }
    if (from->domain() != component.domain) {
        co_await fail("invalid-from");
        co_return false;
    }
    counted_.received.add();
    intake.take(std::move(element));
    co_await intake.breathe();
    co_return true;
}

}  // namespace carillon::components
