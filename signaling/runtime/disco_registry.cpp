#include "signaling/runtime/disco_registry.h"

namespace carillon::runtime {

xml::Element DiscoRegistry::info(Target target) const {
    xml::Element query{"query", "http://jabber.org/protocol/disco#info"};
    for (const auto& identity : identities(target)) {
        auto& element = query.add("identity").set("category", identity.category).set("type", identity.type);
        element.set("xml:lang", "en");  // it counts in capability hashes: said, so that nobody need infer it
        if (!identity.name.empty()) element.set("name", identity.name);
    }
    for (const auto& feature : features(target)) query.add("feature").set("var", feature);
    for (const auto& entry : forms_) {
        if (entry.target == target) query.append(entry.value);
    }
    return query;
}

std::optional<xml::Element> DiscoRegistry::node_info(std::string_view node) const {
    for (const auto& entry : nodes_) {
        if (auto info = entry.value(node)) return info;
    }
    return std::nullopt;
}

std::optional<xml::Element> DiscoRegistry::node_items(std::string_view node, const xmpp::Jid& asker) const {
    for (const auto& entry : node_items_) {
        if (auto items = entry.value(node, asker)) return items;
    }
    return std::nullopt;
}

}  // namespace carillon::runtime
