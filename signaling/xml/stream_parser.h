/// Bytes of an XML stream to its header, stanzas and end, one event at a time.
/// Spec: RFC 6120 §4 (streams), §11 (what of XML is allowed).
/// Not here: what the header and stanzas mean (stream/), WebSocket frames (parse_document() serves them).
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "signaling/xml/element.h"

namespace carillon::xml {

/// Past any of these the stream fails with policy-violation, before memory is spent.
struct ParserLimits {
    std::size_t stanza_bytes = 256 * 1024;
    std::size_t depth = 64;       ///< elements inside one another, the stanza itself being 1
    std::size_t attributes = 64;  ///< of one element
    std::size_t elements = 8192;  ///< of one stanza
};

/// The opening tag of the stream. `content_ns` is the default namespace that it declares.
struct StreamOpen {
    Element root;
    std::string content_ns;
};
struct StreamClose {};
/// `condition` is a stream error condition of RFC 6120 §4.9.3.
struct StreamFault {
    std::string_view condition;
    std::string text;
};
struct NeedMore {};

using StreamEvent = std::variant<NeedMore, StreamOpen, Element, StreamClose, StreamFault>;

/// A push parser that stops after each event, so that what follows a stream restart is never parsed too early.
/// Between two stanzas it holds no expat parser (some 11 KiB), only the opening tag, from which it goes on. The parsers
/// of those that had something last are kept for them as they are, a few hundred by each thread.
/// Threading: one thread at a time.  Owns: the expat parser it works with.
class StreamParser {
  public:
    explicit StreamParser(ParserLimits limits = {});
    ~StreamParser();
    StreamParser(StreamParser&&) noexcept;
    StreamParser& operator=(StreamParser&&) noexcept;

    /// Takes bytes from the peer. Call only after next() said NeedMore.
    void feed(std::string_view bytes);
    /// The next event of what was fed. After StreamClose or StreamFault the same event comes for ever.
    StreamEvent next();
    /// Begins a new stream (RFC 6120 §4.3.3) with the bytes that were not parsed yet.
    void restart();
    /// As restart(), but what was not parsed yet is dropped: after STARTTLS, where it came in the clear.
    void restart_discarding();
    void set_limits(ParserLimits limits);
    /// Whether bytes wait that next() has not looked at.
    bool has_pending() const;

  private:
    struct Impl;
    struct Spare;

    void wake_up();
    void rest_no_more();

    ParserLimits limits_;
    std::string root_;            // while it rests inside a stream: the opening tag
    std::unique_ptr<Impl> impl_;  // nothing while it rests
    std::uint64_t ticket_ = 0;    // while it rests: for the parser it has left, if that is still kept; 0: none
};

/// Parses one complete element. On failure the stream error condition that fits.
/// `context_ns`: the namespace of what declares none, jabber:client for what to_string() wrote.
std::expected<Element, std::string_view> parse_document(std::string_view text, ParserLimits limits = {},
                                                        std::string_view context_ns = {});

}  // namespace carillon::xml
