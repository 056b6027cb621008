#include "signaling/federation/peer_stream.h"

#include <array>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "signaling/federation/acks.h"
#include "signaling/xml/writer.h"

namespace carillon::federation {

namespace {

constexpr std::size_t kReadSize = 16 * 1024;

std::span<char> read_buffer() {
    static thread_local auto buffer = std::make_unique<std::array<char, kReadSize>>();
    return *buffer;
}

xml::ParserLimits limits(std::size_t stanza_octets) {
    xml::ParserLimits made;
    made.stanza_bytes = stanza_octets;
    return made;
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out.append(" ").append(name).append("='");
    xml::append_escaped(out, value);
    out += '\'';
}

void rename(xml::Element& element, std::string_view ns) {
    for (auto* child : element.children()) {
        if (child->ns() == ns) rename(*child, ns);
    }
    element.rename(std::string{element.name()}, "jabber:client");
}

constexpr std::chrono::milliseconds kTurn{2};

}  // namespace

void to_client_namespace(xml::Element& element, std::string_view ns) {
    if (element.ns() == ns) rename(element, ns);
}

PeerStream::PeerStream(net::Socket socket, std::size_t stanza_octets)
    : socket_{std::move(socket)}, parser_{limits(stanza_octets)} {}

void PeerStream::set_stanza_octets(std::size_t stanza_octets) { parser_.set_limits(limits(stanza_octets)); }

awaitable<void> PeerStream::turn() {
    while (writing_) {
        boost::asio::steady_timer pause{co_await boost::asio::this_coro::executor, kTurn};
        co_await pause.async_wait(boost::asio::use_awaitable);
    }
    writing_ = true;
}

awaitable<Way::Written> PeerStream::put_stanzas(std::string text, std::uint32_t count,
                                                std::chrono::milliseconds deadline) {
    co_await turn();
    Way::Written how{.done = false, .counted = counting_, .number = 0};
    if (counting_) {
        how.number = counted_ += count;
        text += kRequest;
    }
    const auto written = co_await socket_.write_all(text, deadline);
    writing_ = false;
    how.done = written.has_value();
    co_return how;
}

awaitable<bool> PeerStream::put_and_count(std::string text, std::chrono::milliseconds deadline) {
    co_await turn();
    start_counting();
    const auto written = co_await socket_.write_all(text, deadline);
    writing_ = false;
    co_return written.has_value();
}

awaitable<bool> PeerStream::put(std::string text, std::chrono::milliseconds deadline) {
    co_await turn();
    const auto written = co_await socket_.write_all(text, deadline);
    writing_ = false;
    co_return written.has_value();
}

awaitable<std::optional<xml::StreamEvent>> PeerStream::next(std::chrono::milliseconds deadline) {
    for (;;) {
        std::optional<xml::StreamEvent> event{parser_.next()};
        if (!std::holds_alternative<xml::NeedMore>(*event)) co_return event;
        const auto buffer = read_buffer();
        const auto read = co_await socket_.read_some(buffer, deadline);
        if (!read) co_return std::nullopt;
        octets_read_ += *read;
        parser_.feed(std::string_view{buffer.data(), *read});
    }
}

awaitable<std::optional<xml::Element>> PeerStream::element(std::chrono::milliseconds deadline) {
    auto event = co_await next(deadline);
    if (!event) co_return std::nullopt;
    auto* element = std::get_if<xml::Element>(&*event);
    if (!element) co_return std::nullopt;
    std::optional<xml::Element> found{std::move(*element)};
    co_return found;
}

std::string PeerStream::open_tag(std::string_view from, std::string_view to, std::string_view id) {
    std::string out =
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
        "xmlns:db='jabber:server:dialback'";
    append_attribute(out, "from", from);
    append_attribute(out, "to", to);
    append_attribute(out, "id", id);
    return out + " version='1.0' xml:lang='en'>";
}

}  // namespace carillon::federation
