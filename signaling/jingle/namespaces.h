/// Namespaces of the Jingle family, spelled once.
/// Not here: namespaces of other protocols (each beside its module).
#pragma once
#include <string_view>

namespace carillon::jingle::ns {

inline constexpr std::string_view kJingle = "urn:xmpp:jingle:1";                                // XEP-0166
inline constexpr std::string_view kErrors = "urn:xmpp:jingle:errors:1";                         // XEP-0166 §10
inline constexpr std::string_view kRtp = "urn:xmpp:jingle:apps:rtp:1";                          // XEP-0167
inline constexpr std::string_view kRtpInfo = "urn:xmpp:jingle:apps:rtp:info:1";                 // XEP-0167 §8
inline constexpr std::string_view kIceUdp = "urn:xmpp:jingle:transports:ice-udp:1";             // XEP-0176
inline constexpr std::string_view kRawUdp = "urn:xmpp:jingle:transports:raw-udp:1";             // XEP-0177
inline constexpr std::string_view kDtls = "urn:xmpp:jingle:apps:dtls:0";                        // XEP-0320
inline constexpr std::string_view kSocks5 = "urn:xmpp:jingle:transports:s5b:1";                 // XEP-0260
inline constexpr std::string_view kHeaderExtensions = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";  // XEP-0294
inline constexpr std::string_view kFeedback = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";             // XEP-0293
inline constexpr std::string_view kGrouping = "urn:xmpp:jingle:apps:grouping:0";                // XEP-0338
inline constexpr std::string_view kMessagePrefix = "urn:xmpp:jingle-message:";                  // XEP-0353, :0 and :1
inline constexpr std::string_view kNodes = "http://jabber.org/protocol/jinglenodes";            // XEP-0278
inline constexpr std::string_view kChannel = "http://jabber.org/protocol/jinglenodes#channel";

}  // namespace carillon::jingle::ns
