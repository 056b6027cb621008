/// A <content/> told anew for the eyes of one end, where the relay itself is the other end of its media: transport,
/// fingerprint, keys, rtcp-mux and payload types are the relay's.
/// Spec: XEP-0176 §5.3, XEP-0177 §4.2, XEP-0320 §2, XEP-0167 §7, RFC 8445 §5.1.2.1 (priority).
/// Not here: which of them a leg has (calls/bridging.h).
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "signaling/jingle/jingle.h"
#include "signaling/jingle/rewrite.h"
#include "signaling/jingle/security.h"

namespace carillon::jingle {

/// An ice-udp transport whose candidates are the relay's own addresses, of type host.
xml::Element make_ice_transport(const IceCredentials& own, std::span<const RelayAddress> addresses,
                                std::string_view generation);
void add_fingerprint(xml::Element& transport, const Fingerprint& fingerprint);
/// A raw-udp transport: the first address of each component.
xml::Element make_raw_transport(std::span<const RelayAddress> addresses);
/// Puts it in the place of the content's transport.
void replace_transport(xml::Element& content, xml::Element transport);

/// Puts <encryption/> with those in the place of the description's; none: no element.
void set_encryption(xml::Element& description, std::span<const Crypto> cryptos, bool required);
void set_rtcp_mux(xml::Element& description, bool mux);
/// Gives payload types other numbers, in their own element and where another names them (apt of RFC 4588).
void renumber(xml::Element& description, const std::map<std::uint8_t, std::uint8_t>& numbers);

/// A BUNDLE group (XEP-0338) of one content.
void add_bundle(xml::Element& jingle, std::string_view content);

/// The <content/> of that creator and name, or nullptr. An empty creator means initiator.
xml::Element* find_content(xml::Element& jingle, std::string_view creator, std::string_view name);

}  // namespace carillon::jingle
