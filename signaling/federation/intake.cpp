#include "signaling/federation/intake.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/journal/journal.h"
#include "signaling/router/delivery_rules.h"
#include "signaling/router/iq_service.h"
#include "signaling/xml/writer.h"

namespace carillon::federation {

namespace asio = boost::asio;

namespace {

constexpr unsigned kBurst = 32;  // stanzas before others have their turn
constexpr std::chrono::milliseconds kCongestionPause{2};

std::optional<xmpp::StanzaError> problem_of(const xmpp::Stanza& stanza) {
    if (stanza.is_iq()) return router::check_iq(stanza);
    if (stanza.is_presence() && !router::is_presence_type(stanza.type())) return xmpp::StanzaError::bad_request();
    return std::nullopt;
}

}  // namespace

void Intake::take(xml::Element element) {
    auto& router = stages_.router;
    xml::Element head{element.name(), element.ns()};  // for an error reply, when the element is used up
    for (const auto& [key, value] : element.attributes()) head.set(key, value);
    auto parsed = xmpp::Stanza::parse(std::move(element));
    const auto problem = parsed ? problem_of(*parsed) : std::optional{parsed.error()};
    if (problem) {
        auto reply = xmpp::error_reply(head, *problem);
        if (!reply) return;
        if (auto error = xmpp::Stanza::parse(std::move(*reply))) router.dispatch(std::move(*error), nullptr);
        return router.drain();
    }
    // Accepted: a message outlives the process until it is delivered, stored or answered.
    if (auto* journal = router.journal(); journal && parsed->is_message() && !parsed->is_error()) {
        parsed->set_custody(journal->accept(xml::to_string(parsed->element()), router.clock().wall()));
    }
    router.dispatch(std::move(*parsed), nullptr);
    router.drain();
}

boost::asio::awaitable<void> Intake::breathe() {
    if (++burst_ % kBurst != 0) co_return;
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
    const auto& channel = *stages_.environment.channel;
    for (std::size_t i = 0; i < host_.shard_count(); ++i) {
        while (channel.congested(i)) {
            asio::steady_timer pause{executor, kCongestionPause};
            co_await pause.async_wait(asio::use_awaitable);
        }
    }
}

}  // namespace carillon::federation
