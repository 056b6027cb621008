/// Changing the transports of a <jingle/> element on its way: relay candidates in, other candidates out.
/// Spec: XEP-0176 §5.3, XEP-0177 §4.2, RFC 8445 §5.1.2 (priority), RFC 8839 §5.1 (related address).
/// Not here: which policy asks for what (calls/).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "signaling/jingle/jingle.h"
#include "signaling/xml/element.h"

namespace carillon::jingle {

/// One address of a relay port, as it is told to an endpoint.
struct RelayAddress {
    unsigned component = 1;  ///< 1: RTP, or RTP and RTCP together; 2: RTCP
    std::string ip;
    std::uint16_t port = 0;
    bool tcp = false;  ///< passive (RFC 6544)
};

/// RFC 8445 §5.1.2.1 with type preference 0: below every candidate that an endpoint gathers by itself.
std::uint32_t relay_priority(unsigned component, unsigned index);
/// The same of a passive candidate over TCP (RFC 6544 §4.2): below those over UDP.
std::uint32_t relay_tcp_priority(unsigned component, unsigned index);
/// What a candidate says of its transport: protocol, and tcptype where there is one.
void set_protocol(xml::Element& candidate, const RelayAddress& address);

/// Removes everything below `jingle` that tells an address of an endpoint: candidates and remote candidates of all
/// transports, at any depth. SOCKS5 proxies (XEP-0260) stay, their address is not an endpoint's. Says how many went.
std::size_t remove_candidates(xml::Element& jingle);

/// Appends a relay candidate for each address to an ice-udp transport.
/// `generation` as the other candidates of this description have it ("0" at first).
void add_relay_candidates(xml::Element& transport, std::span<const RelayAddress> addresses,
                          std::string_view generation);

/// Puts the addresses in the place of a raw-udp transport's candidates: for each component that `said` names and
/// `addresses` has, one candidate with the id and generation that the endpoint gave it; nothing else of it stays.
void replace_raw_candidates(xml::Element& transport, std::span<const Candidate> said,
                            std::span<const RelayAddress> addresses);

/// The <transport/> of the content of that creator and name, or nullptr. An empty creator means initiator.
xml::Element* find_transport(xml::Element& jingle, std::string_view creator, std::string_view name);

}  // namespace carillon::jingle
