/// How the texts of a stream go on the wire: as one long document (RFC 6120), or an element in each WebSocket message
/// (RFC 7395).
/// Not here: the texts themselves (stream_text.h), reading frames (http/websocket.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "signaling/http/websocket.h"
#include "signaling/stream/stream_text.h"

namespace carillon::stream {

inline constexpr std::string_view kFraming = "urn:ietf:params:xml:ns:xmpp-framing";

/// Threading: a value.
class Wire {
  public:
    explicit Wire(bool framed = false) : framed_{framed} {}
    bool framed() const { return framed_; }

    /// One element, as it goes out. It must declare its namespaces where each stands alone.
    std::string element(std::string_view text) const;
    /// Room for what goes before an element whose text will have `length` octets, and its content.
    void append(std::string& out, std::string_view text) const {
        if (framed_) http::append_frame_header(out, http::Opcode::text, text.size());
        out += text;
    }
    /// The default namespace that stanzas find where they are written.
    std::string_view content_ns() const { return framed_ ? std::string_view{} : kClient; }

    std::string open(const OpenAttributes& attributes) const;
    std::string features(const std::vector<xml::Element>& list) const;
    std::string error(std::string_view condition, std::string_view text = {}) const {
        return element(error_text(condition, text, framed_));
    }
    std::string close() const;
    std::string keepalive() const;

  private:
    bool framed_;
};

}  // namespace carillon::stream
