#include "signaling/jingle/leg.h"

#include <algorithm>

#include "signaling/jingle/namespaces.h"

namespace carillon::jingle {
namespace {

constexpr std::uint32_t kHostPreference = 126;    // RFC 8445 §5.1.2.2
constexpr std::uint32_t kHostTcpPreference = 90;  // RFC 6544 §4.2: below UDP's
constexpr unsigned kTcpFoundation = 100;

std::uint32_t host_priority(const RelayAddress& address, unsigned index) {
    return address.tcp ? (kHostTcpPreference << 24) | relay_tcp_priority(address.component, index)
                       : (kHostPreference << 24) | relay_priority(address.component, index);
}

bool is_transport(const xml::Element& child) { return child.name() == "transport"; }

std::string renumbered(std::string_view id, const std::map<std::uint8_t, std::uint8_t>& numbers) {
    const auto number = to_number<unsigned>(id);
    const auto at = number && *number <= 127 ? numbers.find(static_cast<std::uint8_t>(*number)) : numbers.end();
    return at == numbers.end() ? std::string{id} : std::to_string(at->second);
}

}  // namespace

xml::Element make_ice_transport(const IceCredentials& own, std::span<const RelayAddress> addresses,
                                std::string_view generation) {
    xml::Element transport{"transport", ns::kIceUdp};
    transport.set("ufrag", own.ufrag).set("pwd", own.pwd);
    std::vector<std::string> ips;
    for (const auto& address : addresses) {
        auto at = std::ranges::find(ips, address.ip);
        if (at == ips.end()) at = ips.insert(ips.end(), address.ip);
        const auto index = static_cast<unsigned>(at - ips.begin());
        auto& candidate = transport.add("candidate", ns::kIceUdp);
        candidate.set("component", std::to_string(address.component));
        candidate.set("foundation", std::to_string((address.tcp ? kTcpFoundation : 0) + index + 1));
        candidate.set("generation", generation);
        candidate.set("id", (address.tcp ? "leg-tcp" : "leg") + std::to_string(address.component) + "-" +
                                std::to_string(address.port) + "-" + std::to_string(index));
        candidate.set("ip", address.ip);
        candidate.set("network", "0");
        candidate.set("port", std::to_string(address.port));
        candidate.set("priority", std::to_string(host_priority(address, index)));
        set_protocol(candidate, address);
        candidate.set("type", "host");
    }
    return transport;
}

void add_fingerprint(xml::Element& transport, const Fingerprint& fingerprint) {
    auto& element = transport.add("fingerprint", ns::kDtls);
    element.set("hash", fingerprint.hash).set("setup", fingerprint.setup);
    element.add_text(fingerprint.value);
}

xml::Element make_raw_transport(std::span<const RelayAddress> addresses) {
    xml::Element transport{"transport", ns::kRawUdp};
    for (const unsigned component : {1u, 2u}) {
        const auto at = std::ranges::find(addresses, component, &RelayAddress::component);
        if (at == addresses.end()) continue;
        auto& candidate = transport.add("candidate", ns::kRawUdp);
        candidate.set("component", std::to_string(component));
        candidate.set("generation", "0");
        candidate.set("id", "leg" + std::to_string(component) + "-" + std::to_string(at->port));
        candidate.set("ip", at->ip);
        candidate.set("port", std::to_string(at->port));
        candidate.set("type", "host");
    }
    return transport;
}

void replace_transport(xml::Element& content, xml::Element transport) {
    content.remove_children_if(is_transport);
    content.append(std::move(transport));
}

void set_encryption(xml::Element& description, std::span<const Crypto> cryptos, bool required) {
    description.remove_children_if([](const xml::Element& child) { return child.name() == "encryption"; });
    if (cryptos.empty()) return;
    auto& encryption = description.add("encryption", ns::kRtp);
    if (required) encryption.set("required", "1");
    for (const auto& crypto : cryptos) {
        encryption.add("crypto", ns::kRtp)
            .set("crypto-suite", crypto.suite)
            .set("key-params", crypto.key_params)
            .set("tag", crypto.tag);
    }
}

void set_rtcp_mux(xml::Element& description, bool mux) {
    description.remove_children_if([](const xml::Element& child) { return child.name() == "rtcp-mux"; });
    if (mux) description.add("rtcp-mux", ns::kRtp);
}

void renumber(xml::Element& description, const std::map<std::uint8_t, std::uint8_t>& numbers) {
    if (numbers.empty()) return;
    for (auto* type : description.children()) {
        if (type->name() != "payload-type") continue;
        type->set("id", renumbered(type->attribute("id"), numbers));
        for (auto* parameter : type->children())
            if (parameter->name() == "parameter" && parameter->attribute("name") == "apt")
                parameter->set("value", renumbered(parameter->attribute("value"), numbers));
    }
}

void add_bundle(xml::Element& jingle, std::string_view content) {
    auto& group = jingle.add("group", ns::kGrouping);
    group.set("semantics", "BUNDLE").add("content", ns::kGrouping).set("name", content);
}

xml::Element* find_content(xml::Element& jingle, std::string_view creator, std::string_view name) {
    for (auto* content : jingle.children()) {
        if (!content->is("content", ns::kJingle) || content->attribute("name") != name) continue;
        const auto written = content->has_attribute("creator") ? content->attribute("creator") : "initiator";
        if (written == (creator.empty() ? "initiator" : creator)) return content;
    }
    return nullptr;
}

}  // namespace carillon::jingle
