/// What a service and its nodes say of themselves.
/// Spec: XEP-0060 §5.2 to §5.5, §10 (features), §16.4.3 (meta-data form); XEP-0059.
#include <algorithm>
#include <array>

#include "signaling/pubsub/context.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::pubsub {
namespace {

using xmpp::Jid;
using xmpp::StanzaError;

constexpr auto kFeatures = std::to_array<std::string_view>({
    "access-authorize",
    "access-open",
    "access-presence",
    "access-roster",
    "access-whitelist",
    "auto-create",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    
    "instant-nodes",
    "item-ids",
    "last-published",
    "leased-subscription",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-collection",
    "multi-items",
    "outcast-affiliation",
    "persistent-items",
    "publish",
    "publish-only-affiliation",
    "publish-options",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-notifications",
    "subscription-options",
});

/// Whether somebody may know that the node is there.
bool is_visible(Service& service, const Node& node, const People& people, const Jid& bare) {
    const auto affiliation = Context::affiliation_in(service, node, bare);
    if (affiliation == Affiliation::outcast) return false;
    if (affiliation != Affiliation::none) return true;
    return node.config.access == AccessModel::authorize || may_read(service, node, people, bare);
}

xml::Element meta_data(const Node& node, const Policy& policy) {
    FormWriter out{"result", kMetaDataForm};
    const auto& c = node.config;
    std::vector<std::string> owners;
    for (const auto& jid : node.owners()) owners.push_back(jid.str());
    out.text("pubsub#type", "", c.type)
        .text("pubsub#creator", "", node.creator.str())
        .text("pubsub#creation_date", "", xmpp::to_datetime(node.created))
        .text("pubsub#title", "", c.title)
        .text("pubsub#description", "", c.description)
        .text("pubsub#language", "", c.language)
        .many("pubsub#contact", "", "jid-multi", c.contact)
        .many("pubsub#owner", "", "jid-multi", owners)
        .list("pubsub#access_model", "", to_text(c.access), {})
        .list("pubsub#publish_model", "", to_text(c.publish), {})
        .text("pubsub#max_items", "", c.max_items == policy.bounds.items ? "max" : std::to_string(c.max_items))
        .text("pubsub#num_subscribers", "", std::to_string(node.subscriptions.size()))
        .text("pubsub#num_items", "", std::to_string(node.items.size()));
    return out.take();
}

void list_items(const Service& service, const Node& node, const std::vector<std::string>& ids, xml::Element& into) {
    for (const auto& id : ids) {
        if (node.items.find(id)) into.add("item").set("jid", service.jid.str()).set("name", id);
    }
}

}  // namespace

std::vector<std::string_view> features() { return {kFeatures.begin(), kFeatures.end()}; }

Reply disco_info(Service& service, const Policy& policy, const People& people, const Jid& from, std::string_view name) {
    const auto* node = service.find(name);
    if (!node || !is_visible(service, *node, people, from.bare())) return refused(StanzaError::item_not_found());
    xml::Element query{"query", kDiscoInfo};
    query.set("node", name);
    auto& identity =
        query.add("identity").set("category", "pubsub").set("type", node->config.collection ? "collection" : "leaf");
    if (!node->config.title.empty()) identity.set("name", node->config.title);
    query.add("feature").set("var", kPubsub);
    for (const auto* feature : {kDiscoInfo.data(), kDiscoItems.data(), kRsm.data()})
        query.add("feature").set("var", feature);
    query.append(meta_data(*node, policy));
    return query;
}

Reply disco_items(Service& service, const Policy& policy, const People& people, const Jid& from,
                  const xml::Element& request) {
    const auto name = request.attribute("node");
    xml::Element query{"query", kDiscoItems};
    if (!name.empty()) query.set("node", name);
    std::vector<std::string> all;
    const auto* node = name.empty() ? nullptr : service.find(name);
    if (!name.empty() && (!node || !is_visible(service, *node, people, from.bare())))
        return refused(StanzaError::item_not_found());
    const bool leaf = node && !node->config.collection;
    if (leaf) {
        if (auto allowed = check_read(service, *node, people, from.bare()); !allowed) return refused(allowed.error());
        for (auto at = node->items.all().rbegin(); at != node->items.all().rend(); ++at) all.push_back(at->second.id);
    } else {
        for (const auto& [child, each] : service.nodes) {
            const auto& above = each.config.collections;
            const bool here = node ? std::ranges::find(above, name) != above.end() : above.empty();
            if (here && is_visible(service, each, people, from.bare())) all.push_back(child);
        }
    }
    const auto* set = request.child("set", kRsm);
    auto part = page(all, set, policy.page);
    if (!part) return refused(part.error());
    if (leaf) {
        list_items(service, *node, part->ids, query);
    } else {
        for (const auto& id : part->ids) {
            auto& item = query.add("item").set("jid", service.jid.str()).set("node", id);
            if (const auto& title = service.find(id)->config.title; !title.empty()) item.set("name", title);
        }
    }
    if (set || !part->whole) query.append(std::move(part->set));
    return query;
}

}  // namespace carillon::pubsub
