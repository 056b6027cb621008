/// XML namespaces the phone speaks, each with its specification.
#pragma once
#include <string_view>

namespace carillon::phone::ns {

inline constexpr std::string_view kClient = "jabber:client";                             // RFC 6120
inline constexpr std::string_view kStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";      // RFC 6120 §8.3
inline constexpr std::string_view kRoster = "jabber:iq:roster";                          // RFC 6121 §2
inline constexpr std::string_view kDiscoInfo = "http://jabber.org/protocol/disco#info";  // XEP-0030
inline constexpr std::string_view kRegister = "jabber:iq:register";                      // XEP-0077
inline constexpr std::string_view kVersion = "jabber:iq:version";                        // XEP-0092
inline constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";             // XEP-0115
inline constexpr std::string_view kPing = "urn:xmpp:ping";                               // XEP-0199
inline constexpr std::string_view kExtdisco = "urn:xmpp:extdisco:2";                     // XEP-0215
inline constexpr std::string_view kHints = "urn:xmpp:hints";                             // XEP-0334
inline constexpr std::string_view kJingle = "urn:xmpp:jingle:1";                         // XEP-0166
inline constexpr std::string_view kJingleErrors = "urn:xmpp:jingle:errors:1";            // XEP-0166
inline constexpr std::string_view kRtp = "urn:xmpp:jingle:apps:rtp:1";                   // XEP-0167
inline constexpr std::string_view kRtpInfo = "urn:xmpp:jingle:apps:rtp:info:1";          // XEP-0167
inline constexpr std::string_view kRtpAudio = "urn:xmpp:jingle:apps:rtp:audio";          // XEP-0167
inline constexpr std::string_view kRtpVideo = "urn:xmpp:jingle:apps:rtp:video";          // XEP-0167
inline constexpr std::string_view kIceUdp = "urn:xmpp:jingle:transports:ice-udp:1";      // XEP-0176
inline constexpr std::string_view kRawUdp = "urn:xmpp:jingle:transports:raw-udp:1";      // XEP-0177
inline constexpr std::string_view kDtls = "urn:xmpp:jingle:apps:dtls:0";                 // XEP-0320
inline constexpr std::string_view kGrouping = "urn:xmpp:jingle:apps:grouping:0";         // XEP-0338
inline constexpr std::string_view kJingleMessage = "urn:xmpp:jingle-message:0";          // XEP-0353

}  // namespace carillon::phone::ns
