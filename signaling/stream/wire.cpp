#include "signaling/stream/wire.h"

namespace carillon::stream {

std::string Wire::element(std::string_view text) const {
    std::string out;
    append(out, text);
    return out;
}

std::string Wire::open(const OpenAttributes& attributes) const {
    return framed_ ? element(framed_open_tag(attributes)) : open_tag(attributes);
}

std::string Wire::features(const std::vector<xml::Element>& list) const {
    return element(features_text(list, framed_));
}

/// RFC 7395 §3.6: the XMPP stream is closed first, the WebSocket after it.
std::string Wire::close() const {
    if (!framed_) return std::string{kCloseTag};
    auto out = element("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    http::append_close_frame(out, http::kCloseNormal);
    return out;
}

/// RFC 6120 §4.6.1; RFC 7395 §3.8 wants a ping instead of white space.
std::string Wire::keepalive() const {
    if (!framed_) return " ";
    std::string out;
    http::append_frame_header(out, http::Opcode::ping, 0);
    return out;
}

}  // namespace carillon::stream
