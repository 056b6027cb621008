/// A stream to or from another server: a socket, a parser and the texts of streams between servers.
/// Spec: RFC 6120 §4, XEP-0220 §2.1 (the dialback namespace in the opening tag).
/// Not here: who speaks for whom (incoming.h, outgoing.h).
#pragma once
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>

#include "signaling/federation/way.h"
#include "signaling/net/socket.h"
#include "signaling/xml/stream_parser.h"

namespace carillon::federation {

using boost::asio::awaitable;

inline constexpr std::string_view kServer = "jabber:server";

/// Stanzas of such streams are in jabber:server (of components': jabber:component:accept), everywhere else in
/// jabber:client: the element itself and those of its children that share its namespace.
void to_client_namespace(xml::Element& element, std::string_view ns = kServer);

/// Threading: its io_context's thread.  Owns: the socket.
class PeerStream {
  public:
    PeerStream(net::Socket socket, std::size_t stanza_octets);

    net::Socket& socket() { return socket_; }
    /// Everything, or the stream is gone. A second caller waits for its turn.
    awaitable<bool> put(std::string text, std::chrono::milliseconds deadline);
    /// Stanzas, with a question for acknowledgement behind them once they are counted.
    awaitable<Way::Written> put_stanzas(std::string text, std::uint32_t count, std::chrono::milliseconds deadline);
    /// Writes `text`; the stanzas written after it are counted from zero.
    awaitable<bool> put_and_count(std::string text, std::chrono::milliseconds deadline);
    /// The stanzas written from here on are counted from zero.
    void start_counting() {
        counting_ = true;
        counted_ = 0;
    }
    bool counting() const { return counting_; }
    std::uint32_t counted() const { return counted_; }
    /// How many octets have been read, since the last time.
    std::size_t take_octets_read() { return std::exchange(octets_read_, 0); }
    /// The next event; nothing when the connection is gone or the deadline past.
    awaitable<std::optional<xml::StreamEvent>> next(std::chrono::milliseconds deadline);
    /// The next element; nothing otherwise, whatever else came.
    awaitable<std::optional<xml::Element>> element(std::chrono::milliseconds deadline);
    void set_stanza_octets(std::size_t stanza_octets);
    void restart() { parser_.restart(); }
    void restart_discarding() { parser_.restart_discarding(); }
    void close() { socket_.close(); }

    static std::string open_tag(std::string_view from, std::string_view to, std::string_view id);

  private:
    awaitable<void> turn();

    net::Socket socket_;
    xml::StreamParser parser_;
    std::size_t octets_read_ = 0;
    std::uint32_t counted_ = 0;
    bool counting_ = false;
    bool writing_ = false;
};

}  // namespace carillon::federation
