/// Items retrieved: all, the last ones, some by id, or page by page.
/// Spec: XEP-0060 §6.5; XEP-0059.
#include <algorithm>
#include <charconv>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::StanzaError;

/// §6.5.4: newest first.
std::vector<std::string> newest_first(const Node& node) {
    std::vector<std::string> ids;
    ids.reserve(node.items.size());
    for (auto at = node.items.all().rbegin(); at != node.items.all().rend(); ++at) ids.push_back(at->second.id);
    return ids;
}

std::expected<std::vector<std::string>, StanzaError> wanted_ids(const Node& node, const xml::Element& items) {
    std::vector<std::string> ids;
    for (const auto* item : items.children()) {
        if (!item->is("item", kPubsub)) continue;
        std::string id{item->attribute("id")};
        if (id.empty()) return refused(StanzaError::bad_request());
        if (node.items.find(id) && std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
        if (ids.size() > 1000) return refused(StanzaError::bad_request());
    }
    return ids;
}

std::expected<std::size_t, StanzaError> max_items(const xml::Element& items) {
    const auto text = items.attribute("max_items");
    if (text.empty()) return SIZE_MAX;
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return SIZE_MAX;
    if (error != std::errc{} || end != text.data() + text.size() || value == 0)
        return refused(StanzaError::bad_request());
    return value;
}

/// No answer is larger than the next hop bears.
void fit(const Context& c, const Node& node, std::vector<std::string>& ids) {
    std::uint64_t octets = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        octets += node.items.find(ids[i])->octets;
        if (i > 0 && octets > c.policy.page_octets) return ids.resize(i);
    }
}

Done check_subid(const Node& node, const Context& c, std::string_view subid) {
    if (subid.empty()) return {};
    const bool known = std::ranges::any_of(node.subscriptions, [&](const auto& each) {
        return each.subid == subid && each.jid.same_bare(c.request.from);
    });
    if (known) return {};
    return refused(because(StanzaError::not_acceptable(), "invalid-subid"));
}

}  // namespace

xml::Element item_element(const Service& service, const Item& item, std::optional<xml::Element> payload,
                          std::string_view ns) {
    xml::Element made{"item", ns};
    made.set("id", item.id);
    if (!service.personal || item.publisher != service.jid) made.set("publisher", item.publisher.str());
    if (payload) made.append(std::move(*payload));
    return made;
}

Reply items(Context& c, const xml::Element& pubsub, const xml::Element& items) {
    const auto found = node_of(c, items);
    if (!found) return refused(found.error());
    auto& node = **found;
    if (node.config.collection) return refused(unsupported("retrieve-items"));
    if (auto allowed = check_read(c.service, node, c.people, c.bare()); !allowed) return refused(allowed.error());
    if (auto known = check_subid(node, c, items.attribute("subid")); !known) return refused(known.error());
    if (!node.config.persist_items) return refused(unsupported("persistent-items"));

    xml::Element answer{"pubsub", kPubsub};
    answer.add("items").set("node", node.name);
    const bool by_id = items.child("item", kPubsub) != nullptr;
    if (by_id) {
        auto ids = wanted_ids(node, items);
        if (!ids) return refused(ids.error());
        fit(c, node, *ids);
        c.out.fetch = Fetch{node.name, std::move(*ids)};
        return answer;
    }
    const auto most = max_items(items);
    if (!most) return refused(most.error());
    const auto* set = pubsub.child("set", kRsm);
    auto all = newest_first(node);
    if (all.size() > *most) all.resize(*most);
    auto first = page(all, set, c.policy.page);
    if (!first) return refused(first.error());
    auto ids = first->ids;
    fit(c, node, ids);
    if (ids.size() < first->ids.size()) {  // cut short: what follows is for the next page
        if (auto* last = first->set.child("last", kRsm)) {
            last->clear_nodes();
            last->add_text(ids.back());
        }
        first->whole = false;
    }
    if (set || !first->whole) answer.append(std::move(first->set));
    c.out.fetch = Fetch{node.name, std::move(ids)};
    return answer;
}

}  // namespace carillon::pubsub
