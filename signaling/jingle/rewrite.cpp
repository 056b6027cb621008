#include "signaling/jingle/rewrite.h"

#include <algorithm>

#include "signaling/jingle/namespaces.h"

namespace carillon::jingle {
namespace {

constexpr unsigned kFirstFoundation = 240;  // XEP-0176's schema has 0..255; endpoints count from below
constexpr unsigned kTcpFoundation = 248;    // another protocol, another foundation (RFC 8445 §5.1.1.3)

bool is_ipv6(std::string_view ip) { return ip.find(':') != std::string_view::npos; }

bool tells_address(const xml::Element& element) {
    if (element.name() == "remote-candidate" || element.name() == "streamhost") return true;
    if (element.name() != "candidate") return false;
    return !(element.ns() == ns::kSocks5 && element.attribute("type") == "proxy");
}

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

std::uint32_t relay_priority(unsigned component, unsigned index) {
    // Local preference falls with the index, so that the first advertised address is tried first.
    const auto local = 65535u - std::min(index, 65535u);
    return (local << 8) | (256u - std::clamp(component, 1u, 256u));
}

// The local preference is 2^13 * direction-pref + other-pref; a passive one's direction-pref is 4.
std::uint32_t relay_tcp_priority(unsigned component, unsigned index) {
    constexpr std::uint32_t kPassive = 4u << 13;
    const auto local = kPassive | (8191u - std::min(index, 8191u));
    return (local << 8) | (256u - std::clamp(component, 1u, 256u));
}

void set_protocol(xml::Element& candidate, const RelayAddress& address) {
    candidate.set("protocol", address.tcp ? "tcp" : "udp");
    if (address.tcp) candidate.set("tcptype", "passive");  // XEP-0371 §6
}

std::size_t remove_candidates(xml::Element& jingle) {
    auto removed = jingle.remove_children_if(tells_address);
    for (auto* child : jingle.children()) removed += remove_candidates(*child);
    return removed;
}

void add_relay_candidates(xml::Element& transport, std::span<const RelayAddress> addresses,
                          std::string_view generation) {
    std::vector<std::string> ips;  // one foundation for each distinct address (RFC 8445 §5.1.1.3)
    for (const auto& address : addresses) {
        auto at = std::ranges::find(ips, address.ip);
        if (at == ips.end()) at = ips.insert(ips.end(), address.ip);
        const auto index = static_cast<unsigned>(at - ips.begin());
        auto& candidate = transport.add("candidate", transport.ns());
        candidate.set("component", number(address.component));
        candidate.set("foundation", number((address.tcp ? kTcpFoundation : kFirstFoundation) + index));
        candidate.set("generation", generation.empty() ? "0" : generation);
        candidate.set("id", (address.tcp ? "relay-tcp" : "relay") + number(address.component) + "-" +
                                number(address.port) + "-" + number(index));
        candidate.set("ip", address.ip);
        candidate.set("network", "0");
        candidate.set("port", number(address.port));
        candidate.set("priority", number(address.tcp ? relay_tcp_priority(address.component, index)
                                                     : relay_priority(address.component, index)));
        set_protocol(candidate, address);
        candidate.set("rel-addr", is_ipv6(address.ip) ? "::" : "0.0.0.0");
        candidate.set("rel-port", "0");
        candidate.set("type", "relay");
    }
}

void replace_raw_candidates(xml::Element& transport, std::span<const Candidate> said,
                            std::span<const RelayAddress> addresses) {
    transport.remove_children_if([](const xml::Element& child) { return child.name() == "candidate"; });
    std::vector<unsigned> done;
    for (const auto& candidate : said) {
        const auto at = std::ranges::find(addresses, candidate.component, &RelayAddress::component);
        if (at == addresses.end() || std::ranges::find(done, candidate.component) != done.end()) continue;
        done.push_back(candidate.component);
        auto& element = transport.add("candidate", transport.ns());
        element.set("component", number(candidate.component));
        element.set("generation", candidate.generation.empty() ? "0" : candidate.generation);
        element.set("id", candidate.id.empty() ? "relay" + number(candidate.component) : candidate.id);
        element.set("ip", at->ip);
        element.set("port", number(at->port));
        element.set("type", "relay");
    }
}

xml::Element* find_transport(xml::Element& jingle, std::string_view creator, std::string_view name) {
    for (auto* content : jingle.children()) {
        if (!content->is("content", ns::kJingle) || content->attribute("name") != name) continue;
        const auto written = content->has_attribute("creator") ? content->attribute("creator") : "initiator";
        if (written == (creator.empty() ? "initiator" : creator)) return content->child("transport");
    }
    return nullptr;
}

}  // namespace carillon::jingle
