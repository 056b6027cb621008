/// A link's own stream: opened, proved, counted, and what comes back on it.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "config/base/log.h"
#include "signaling/federation/acks.h"
#include "signaling/federation/dialback.h"
#include "signaling/federation/link.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"

namespace carillon::federation {

namespace asio = boost::asio;

namespace {

class OwnWay final : public Way {
  public:
    OwnWay(std::shared_ptr<PeerStream> stream, std::chrono::milliseconds deadline, bool secure, bool verified)
        : stream_{std::move(stream)}, deadline_{deadline}, secure_{secure}, verified_{verified} {}

    awaitable<Written> put(std::string text, std::uint32_t count) override {
        co_return co_await stream_->put_stanzas(std::move(text), count, deadline_);
    }
    void close() override { stream_->close(); }
    bool secure() const override { return secure_; }
    bool verified() const override { return verified_; }

  private:
    std::shared_ptr<PeerStream> stream_;
    std::chrono::milliseconds deadline_;
    bool secure_;
    bool verified_;
};

bool offers_external(const xml::Element& features) {
    const auto* mechanisms = features.child("mechanisms", stream::kSasl);
    if (!mechanisms) return false;
    for (const auto* mechanism : mechanisms->children()) {
        if (mechanism->text() == "EXTERNAL") return true;
    }
    return false;
}

}  // namespace

awaitable<std::optional<Failure>> Link::open_own() {
    auto failure = co_await open_and_prove();
    if (failure && !ended_ && try_dialback_alone_) {  // the certificate was not welcome, and the stream is over
        failure = co_await open_and_prove();
    }
    if (failure || ended_) co_return failure;
    const auto stream = stream_;
    asio::co_spawn(around_.io, [self = shared_from_this(), stream] { return self->read(stream); }, asio::detached);
    if (offers_acks_) co_await count_stanzas(stream);
    co_return failure;
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
    stream_ = std::move(opened->stream);
    auto refused = co_await prove(*stream_, *opened);
    opening_.cancel();
    if (refused) {
        stream_->close();
        co_return refused;
    }
    open_ = !ended_;
    counted_ = asked_ = false;
    offers_acks_ = opened->features.child("sm", kAcks) != nullptr;
    way_ = std::make_shared<OwnWay>(stream_, around_.options.write_timeout, opened->secure, opened->verified);
    log::debug("link open", {{"from", local_},
                             {"to", remote_},
                             {"secure", opened->secure},
                             {"verified", opened->verified},
                             {"both_ways", both_ways_},
                             {"acks", offers_acks_}});
    co_return std::nullopt;
}

/// Tells who we are: by our certificate where that is welcome, else by dialback.
awaitable<std::optional<Failure>> Link::prove(PeerStream& stream, Opened& opened) {
    both_ways_ = policy_.bidi && opened.secure && opened.features.child("bidi", kBidiFeature);
    if (both_ways_) {
        const bool asked = co_await stream.put("<bidi xmlns='urn:xmpp:bidi'/>", around_.options.connect_timeout);
        both_ways_ = asked;
    }
    if (offers_external(opened.features) && !std::exchange(try_dialback_alone_, false)) {
        const bool done = co_await authenticate_externally(stream, opened);
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
awaitable<bool> Link::authenticate_externally(PeerStream& stream, Opened& opened) {
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
    auto features = co_await stream.element(deadline);
    if (!features) co_return false;
    opened.features = std::move(*features);
    co_return true;
}

/// XEP-0198 §3: what is written before the other server has agreed would not be counted, so nothing is.
awaitable<void> Link::count_stanzas(std::shared_ptr<PeerStream> stream) {
    asked_ = true;
    const bool asked = co_await stream->put(std::string{kEnable}, around_.options.connect_timeout);
    const auto until = now() + around_.options.connect_timeout;
    while (asked && asked_ && open_ && !ended_ && now() < until) {
        co_await nap(std::chrono::ceil<std::chrono::milliseconds>(until - now()));
    }
}

/// What comes back on such a stream: acks, stanzas where it goes both ways, and its end, sooner or later.
awaitable<void> Link::read(std::shared_ptr<PeerStream> stream) {
    const auto self = shared_from_this();
    bool go_on = true;
    while (go_on) {
        auto event = co_await stream->next(net::Socket::kNever);
        auto* element = event ? std::get_if<xml::Element>(&*event) : nullptr;
        if (!element || stream_ != stream) break;
        go_on = co_await take(*stream, std::move(*element));
    }
    if (stream_ != stream) co_return;
    open_ = false;
    stream->close();
    wake_.cancel();
}

awaitable<bool> Link::take(PeerStream& stream, xml::Element element) {
    if (element.ns() == kAcks) {
        const auto& name = element.name();
        if (name == "r" && counted_) co_return co_await stream.put(ack(received_), around_.options.write_timeout);
        if (name == "enabled" && std::exchange(asked_, false)) {
            stream.start_counting();
            counted_ = true;
            received_ = 0;
        } else if (name == "failed") {
            asked_ = false;
        } else if (const auto count = name == "a" ? handled_of(element) : std::nullopt; count && counted_) {
            if (!plausible(*count, stream.counted())) co_return false;
            handled(way_.get(), *count);
        }
        wake_.cancel();
        co_return true;
    }
    if (element.ns() != kServer || !both_ways_) co_return !element.is("error", stream::kStreams);
    co_return co_await take_stanza(stream, std::move(element));
}

/// XEP-0288 §2: the other server was asked for by its name, and proved it as far as our policy wants.
awaitable<bool> Link::take_stanza(PeerStream& stream, xml::Element element) {
    to_client_namespace(element);
    const auto from = xmpp::Jid::parse(element.attribute("from"));
    const auto to = xmpp::Jid::parse(element.attribute("to"));
    std::string_view problem;
    if (!from || !to)
        problem = "improper-addressing";
    else if (from->domain() != remote_ || to->domain() != local_)
        problem = "invalid-from";
    if (!problem.empty()) {
        log::info("link: refused what came back", {{"from", remote_}, {"why", std::string{problem}}});
        const bool told =
            co_await stream.put(stream::error_text(problem) + "</stream:stream>", around_.options.connect_timeout);
        co_return told && false;
    }
    ++received_;
    last_use_ = now();
    intake_.take(std::move(element));
    co_await intake_.breathe();
    if (!meter_) meter_ = around_.meters.of(remote_, policy_);
    co_await pay(meter_, stream.take_octets_read());
    co_return true;
}

}  // namespace carillon::federation
