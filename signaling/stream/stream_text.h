/// The texts of a stream outside its stanzas: opening tag, features, errors, and what the opening tag of a client must
/// say.
/// Spec: RFC 6120 §4.7 (attributes), §4.9 (errors), §4.3.2 (features).
#pragma once
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/xml/stream_parser.h"

namespace carillon::stream {

inline constexpr std::string_view kStreams = "http://etherx.jabber.org/streams";
inline constexpr std::string_view kClient = "jabber:client";
inline constexpr std::string_view kTls = "urn:ietf:params:xml:ns:xmpp-tls";
inline constexpr std::string_view kSasl = "urn:ietf:params:xml:ns:xmpp-sasl";
inline constexpr std::string_view kSaslChannelBinding = "urn:xmpp:sasl-cb:0";
inline constexpr std::string_view kBind = "urn:ietf:params:xml:ns:xmpp-bind";
inline constexpr std::string_view kSession = "urn:ietf:params:xml:ns:xmpp-session";
inline constexpr std::string_view kLanguage = "en";  ///< of the server's own texts
inline constexpr std::string_view kClientState = "urn:xmpp:csi:0";
inline constexpr std::string_view kCloseTag = "</stream:stream>";

struct OpenAttributes {
    std::string from;  ///< the virtual host
    std::string to;    ///< what the client said of itself, if anything
    std::string id;
};
/// The server's opening tag, with the XML declaration.
std::string open_tag(const OpenAttributes& attributes);
/// RFC 7395 §3.3.2: <open/>.
std::string framed_open_tag(const OpenAttributes& attributes);
/// `alone`: the element stands outside a stream's document and declares the prefix itself (RFC 7395 §3.3.3).
std::string features_text(const std::vector<xml::Element>& features, bool alone = false);
/// §4.7.4: the language that an opening tag names, when it is one (RFC 5646 §2.1) and other than ours; else empty.
std::string foreign_language(const xml::StreamOpen& open);
/// §4.9.2: the error element; the closing tag is not part of it.
std::string error_text(std::string_view condition, std::string_view text = {}, bool alone = false);
/// §4.7.3: unpredictable and unique.
std::string make_stream_id();

/// §4.7, §4.9.3: the virtual host that an opening tag asks for, or the stream error condition.
std::expected<std::string, std::string_view> check_open(const xml::StreamOpen& open,
                                                        const std::function<bool(std::string_view)>& serves);

/// A stanza that was written for a client's stream, read again; nothing if the text is no such stanza.
std::optional<xml::Element> read_back(std::string_view stanza);

/// RFC 4648 §4, strictly: anything else is nullopt (RFC 6120 §6.5.5 incorrect-encoding).
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view data);

}  // namespace carillon::stream
