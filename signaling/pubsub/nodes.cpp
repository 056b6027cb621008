/// Nodes: made, configured, emptied, removed.
/// Spec: XEP-0060 §8.1 to §8.5; XEP-0248 §7.
#include <algorithm>

#include "signaling/pubsub/context.h"

namespace carillon::pubsub {
namespace {

using xmpp::Jid;
using xmpp::StanzaError;

std::optional<Form> submitted(const xml::Element* parent) {
    const auto* x = parent ? parent->child("x", kForm) : nullptr;
    return x ? read_form(*x) : std::nullopt;
}

std::size_t children_of(const Context& c, std::string_view collection) {
    return static_cast<std::size_t>(std::ranges::count_if(c.service.nodes, [&](const auto& each) {
        return std::ranges::find(each.second.config.collections, collection) != each.second.config.collections.end();
    }));
}

/// Whether `name` is `of` or lies above it.
bool is_above(Context& c, std::string_view name, const Node& of, std::size_t depth = 0) {
    if (name == of.name || depth > 16) return true;
    return std::ranges::any_of(of.config.collections, [&](const auto& parent) {
        auto* node = c.service.find(parent);
        return node && is_above(c, name, *node, depth + 1);
    });
}

bool may_associate(const Context& c, const Node& collection) {
    if (c.is_owner(collection)) return true;
    switch (collection.config.association) {
        case Association::all:
            return true;
        case Association::owners:
            return false;
        case Association::whitelist: {
            const auto& list = collection.config.association_whitelist;
            return std::ranges::find(list, c.bare().str()) != list.end();
        }
    }
    return false;
}

/// XEP-0248 §7.1, §7.4: where a node may be put.
Done check_collections(Context& c, std::string_view name, const NodeConfig& before, const NodeConfig& after) {
    for (const auto& parent_name : after.collections) {
        if (std::ranges::find(before.collections, parent_name) != before.collections.end()) continue;
        const auto* parent = c.service.find(parent_name);
        if (!parent) return refused(StanzaError::item_not_found());
        if (!parent->config.collection) return refused(StanzaError::not_allowed());
        if (!may_associate(c, *parent)) return refused(StanzaError::forbidden());
        if (is_above(c, name, *parent)) return refused(StanzaError::not_allowed().with_text("a collection in itself"));
        const auto most = parent->config.children_max ? parent->config.children_max : c.policy.bounds.children;
        if (children_of(c, parent_name) >= most)
            return refused(because(StanzaError::not_allowed(), "max-nodes-exceeded"));
    }
    return {};
}

/// XEP-0060 §8.2.5.1: what of the configuration depends on the rest.
Done check_config(Context& c, std::string_view name, const NodeConfig& before, const NodeConfig& after) {
    if (after.access == AccessModel::roster && after.roster_groups.empty() && before.access != AccessModel::roster &&
        !c.service.personal)
        return refused(StanzaError::not_acceptable().with_text("which groups?"));
    return check_collections(c, name, before, after);
}

void announce_children(Context& c, const Node& node, const NodeConfig& before) {
    for (const auto& parent : node.config.collections) {
        if (std::ranges::find(before.collections, parent) != before.collections.end()) continue;
        const auto* collection = c.service.find(parent);
        if (!collection) continue;
        xml::Element change{"collection", kEvent};
        change.set("node", parent).add("associate").set("node", node.name);
        announce(c, *collection, std::move(change), true);
    }
    for (const auto& parent : before.collections) {
        if (std::ranges::find(node.config.collections, parent) != node.config.collections.end()) continue;
        const auto* collection = c.service.find(parent);
        if (!collection) continue;
        xml::Element change{"collection", kEvent};
        change.set("node", parent).add("disassociate").set("node", node.name);
        announce(c, *collection, std::move(change), true);
    }
}

bool may_create(const Context& c) {
    if (c.is_self()) return true;
    return c.policy.anybody_creates && (!c.policy.may_create || c.policy.may_create(c.bare()));
}

}  // namespace

void keep(Context& c, const Node& node) { c.record(change::PutNode{record_of(node)}); }

std::expected<Node*, StanzaError> make_node(Context& c, std::string name, const Form* form) {
    if (!may_create(c)) return refused(StanzaError::forbidden());
    if (name.size() > kMaxName) return refused(StanzaError::not_acceptable().with_text("the name is too long"));
    if (c.service.nodes.size() >= c.policy.nodes || c.service.nodes_of(c.bare()) >= c.policy.nodes_per_user)
        return refused(because(StanzaError::not_allowed(), "max-nodes-exceeded"));
    NodeConfig config = c.policy.defaults;
    if (c.policy.preset) c.policy.preset(name, config);
    const NodeConfig before = config;
    if (form) {
        auto chosen = apply(config, *form, c.policy.bounds);
        if (!chosen) return refused(chosen.error());
        config = std::move(*chosen);
    }
    if (auto fit = check_config(c, name, before, config); !fit) return refused(fit.error());
    Node node;
    node.name = name;
    node.config = std::move(config);
    node.creator = c.bare();
    node.created = c.request.now;
    node.affiliations[node.creator] = Affiliation::owner;
    auto& made = c.service.nodes.emplace(name, std::move(node)).first->second;
    keep(c, made);
    c.record(change::PutAffiliation{{made.name, made.creator, static_cast<int>(Affiliation::owner)}});
    announce_children(c, made, {});
    return &made;
}

Reply create(Context& c, const xml::Element& pubsub, const xml::Element& create) {
    std::string name{create.attribute("node")};
    const bool instant = name.empty();  // §8.1.4
    if (instant) name = c.request.make_id();
    if (c.service.find(name)) return refused(StanzaError::conflict());
    const auto* configure = pubsub.child("configure", kPubsub);
    const auto form = submitted(configure);
    if (configure && configure->child("x", kForm) && !form) return refused(StanzaError::bad_request());
    const auto made = make_node(c, name, form ? &*form : nullptr);
    if (!made) return refused(made.error());
    if (!instant) return std::nullopt;
    xml::Element answer{"pubsub", kPubsub};
    answer.add("create").set("node", name);
    return answer;
}

Reply configure(Context& c, const xml::Element& configure) {
    const auto found = owned_node_of(c, configure);
    if (!found) return refused(found.error());
    auto& node = **found;
    if (!c.request.set) {
        xml::Element answer{"pubsub", kOwner};
        answer.add("configure")
            .set("node", node.name)
            .append(to_form(node.config, "form", kNodeConfigForm, true, c.policy.bounds));
        return answer;
    }
    const auto form = submitted(&configure);
    if (!form) return refused(StanzaError::bad_request());
    if (form->cancelled) return std::nullopt;
    auto changed = apply(node.config, *form, c.policy.bounds);
    if (!changed) return refused(changed.error());
    if (changed->collection != node.config.collection) return refused(StanzaError::not_allowed());
    if (auto fit = check_config(c, node.name, node.config, *changed); !fit) return refused(fit.error());
    const NodeConfig before = std::exchange(node.config, std::move(*changed));
    keep(c, node);
    while (node.items.size() > std::max<std::size_t>(node.config.max_items, 1)) {
        const auto id = node.items.oldest()->id;
        c.service.erase(node, id);
        c.record(change::DropItem{node.name, id});
    }
    reevaluate(c, node);
    announce_children(c, node, before);
    if (node.config.notify_config) {
        xml::Element event{"configuration", kEvent};
        event.set("node", node.name);
        if (node.config.deliver_payloads)
            event.append(to_form(node.config, "result", kNodeConfigForm, true, c.policy.bounds));
        announce(c, node, std::move(event));
    }
    return std::nullopt;
}

Reply default_config(Context& c) {
    if (!may_create(c)) return refused(StanzaError::forbidden());
    xml::Element answer{"pubsub", kOwner};
    answer.add("default").append(to_form(c.policy.defaults, "form", kNodeConfigForm, true, c.policy.bounds));
    return answer;
}

Reply remove_node(Context& c, const xml::Element& request) {
    const auto found = owned_node_of(c, request);
    if (!found) return refused(found.error());
    auto& node = **found;
    const std::string name = node.name;
    if (node.config.notify_delete) {
        xml::Element event{"delete", kEvent};
        event.set("node", name);
        const auto* redirect = request.child("redirect", kOwner);
        if (redirect && redirect->attribute("uri").size() <= 2 * kMaxName && !redirect->attribute("uri").empty())
            event.add("redirect").set("uri", redirect->attribute("uri"));
        announce(c, node, std::move(event));
    }
    for (auto& [other, child] : c.service.nodes) {
        if (std::erase(child.config.collections, name) > 0) keep(c, child);
    }
    c.service.drop(name);
    c.record(change::DropNode{name});
    c.out.touched.push_back(name);
    return std::nullopt;
}

Reply purge(Context& c, const xml::Element& request) {
    const auto found = owned_node_of(c, request);
    if (!found) return refused(found.error());
    auto& node = **found;
    if (node.config.collection) return refused(unsupported("purge-nodes"));
    if (!node.config.persist_items) return refused(unsupported("persistent-items"));
    c.service.purge(node);
    c.record(change::PurgeItems{node.name});
    c.out.touched.push_back(node.name);
    if (node.config.notify_retract) {
        xml::Element event{"purge", kEvent};
        event.set("node", node.name);
        announce(c, node, std::move(event));
    }
    return std::nullopt;
}

}  // namespace carillon::pubsub
