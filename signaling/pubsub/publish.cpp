/// Items: published, retracted, gone when their time is over.
/// Spec: XEP-0060 §7.1, §7.2; publish options §7.1.5.
#include <algorithm>

#include "signaling/pubsub/context.h"
#include "signaling/xml/writer.h"

namespace carillon::pubsub {
namespace {

using xmpp::StanzaError;

struct NewItem {
    std::string id;
    const xml::Element* payload = nullptr;
    std::string document;
};

/// §7.1.3.6: what an item must and must not have, in this node.
std::expected<NewItem, StanzaError> read_item(const Context& c, const Node& node, const xml::Element& item) {
    NewItem read{std::string{item.attribute("id")}, nullptr, {}};
    if (read.id.size() > kMaxName) return refused(StanzaError::not_acceptable().with_text("the id is too long"));
    const auto payloads = item.children();
    if (payloads.size() > 1) return refused(because(StanzaError::bad_request(), "invalid-payload"));
    const auto& config = node.config;
    if (payloads.empty() && config.deliver_payloads && config.persist_items)
        return refused(because(StanzaError::bad_request(), "payload-required"));
    if (!payloads.empty()) {
        read.payload = payloads.front();
        read.document = xml::to_document(*read.payload);
    }
    const auto most =
        config.max_payload ? std::min(config.max_payload, c.policy.bounds.item_octets) : c.policy.bounds.item_octets;
    if (read.document.size() > most) return refused(because(StanzaError::not_acceptable(), "payload-too-big"));
    if (read.id.empty()) read.id = c.request.make_id();
    return read;
}

/// Who publishes by the node's kindness must not touch what others have published.
bool is_anothers(const Context& c, const Node& node, const std::string& id) {
    const auto affiliation = c.affiliation(node);
    if (affiliation == Affiliation::owner || affiliation == Affiliation::publisher) return false;
    const auto* item = node.items.find(id);
    return item && !item->publisher.same_bare(c.request.from);
}

void store(Context& c, Node& node, const NewItem& item) {
    const auto sequence = ++c.service.last_sequence;
    // Bare: which device of the user it was is nobody's business.
    const Item made{item.id, c.bare(), sequence, c.request.now, item.document.size()};
    c.service.put(node, made);
    c.record(change::PutItem{{node.name, made.id, made.publisher, made.sequence, made.published, made.octets},
                             item.document});
    while (node.items.size() > std::max<std::size_t>(node.config.max_items, 1)) {
        const auto oldest = node.items.oldest()->id;
        c.service.erase(node, oldest);
        c.record(change::DropItem{node.name, oldest});
    }
}

void announce_item(Context& c, const Node& node, const NewItem& item) {
    xml::Element items{"items", kEvent};
    items.set("node", node.name);
    std::optional<xml::Element> payload;
    if (item.payload && node.config.deliver_payloads) payload = *item.payload;
    items.append(item_element(c.service, {item.id, c.bare(), 0, {}, 0}, std::move(payload), kEvent));
    announce(c, node, std::move(items));
}

std::expected<std::optional<Form>, StanzaError> publish_options(const xml::Element& pubsub) {
    const auto* element = pubsub.child("publish-options", kPubsub);
    const auto* x = element ? element->child("x", kForm) : nullptr;
    if (!x) return std::optional<Form>{};
    auto form = read_form(*x);
    if (!form || !form->is_of(kPublishOptionsForm)) return refused(StanzaError::bad_request());
    return form;
}

/// §7.1.5: the node is as the publisher wants it, or nothing is published.
Done check_preconditions(const Context& c, const Node& node, const Form& options) {
    const auto wanted = apply(node.config, options, c.policy.bounds);
    if (wanted && *wanted == node.config) return {};
    return refused(because(StanzaError::conflict(), "precondition-not-met"));
}

std::expected<Node*, StanzaError> target(Context& c, const xml::Element& pubsub, const std::string& name) {
    const auto form = publish_options(pubsub);
    if (!form) return refused(form.error());
    auto* node = c.service.find(name);
    if (!node) return make_node(c, name, *form ? &**form : nullptr);  // auto-create
    if (node->config.collection) return refused(unsupported("publish"));
    if (auto allowed = check_publish(c, *node); !allowed) return refused(allowed.error());
    if (*form) {
        if (auto fits = check_preconditions(c, *node, **form); !fits) return refused(fits.error());
    }
    return node;
}

std::expected<std::vector<NewItem>, StanzaError> read_items(Context& c, const Node& node, const xml::Element& publish) {
    std::vector<NewItem> read;
    const bool bare_notice = !node.config.persist_items && !node.config.deliver_payloads;
    std::uint64_t octets = c.service.octets;
    for (const auto* element : publish.children()) {
        if (!element->is("item", kPubsub)) continue;
        if (bare_notice) return refused(because(StanzaError::bad_request(), "item-forbidden"));
        auto item = read_item(c, node, *element);
        if (!item) return refused(item.error());
        if (is_anothers(c, node, item->id)) return refused(StanzaError::forbidden());
        const auto* before = node.items.find(item->id);
        octets += item->document.size() - (before ? std::min<std::uint64_t>(before->octets, octets) : 0);
        if (node.config.persist_items && octets > c.policy.octets)
            return refused(StanzaError::resource_constraint().with_text("there is no room for more"));
        read.push_back(std::move(*item));
        if (read.size() > node.config.max_items && node.config.persist_items)
            return refused(because(StanzaError::not_allowed(), "max-items-exceeded"));
    }
    if (read.empty() && !bare_notice) return refused(because(StanzaError::bad_request(), "item-required"));
    return read;
}

}  // namespace

Reply publish(Context& c, const xml::Element& pubsub, const xml::Element& publish) {
    const std::string name{publish.attribute("node")};
    if (name.empty()) return refused(because(StanzaError::bad_request(), "nodeid-required"));
    const bool made = !c.service.find(name);
    const auto found = target(c, pubsub, name);
    if (!found) return refused(found.error());
    auto& node = **found;
    const auto read = read_items(c, node, publish);
    if (!read) {
        if (made) {  // nothing was published: nothing is left behind
            c.service.drop(name);
            c.out.changes.clear();
            c.out.broadcasts.clear();
        }
        return refused(read.error());
    }
    xml::Element answer{"pubsub", kPubsub};
    auto& published = answer.add("publish").set("node", name);
    for (const auto& item : *read) {
        if (node.config.persist_items) store(c, node, item);
        announce_item(c, node, item);
        published.add("item").set("id", item.id);
    }
    if (read->empty()) {
        xml::Element items{"items", kEvent};
        items.set("node", name);
        announce(c, node, std::move(items));
    }
    c.out.touched.push_back(name);
    return answer;
}

Reply retract(Context& c, const xml::Element& retract) {
    const auto found = node_of(c, retract);
    if (!found) return refused(found.error());
    auto& node = **found;
    if (node.config.collection || !node.config.persist_items) return refused(unsupported("persistent-items"));
    if (auto allowed = check_publish(c, node); !allowed) return refused(allowed.error());
    std::vector<std::string> ids;
    for (const auto* item : retract.children()) {
        if (!item->is("item", kPubsub)) continue;
        ids.emplace_back(item->attribute("id"));
        if (ids.back().empty()) return refused(because(StanzaError::bad_request(), "item-required"));
        if (!node.items.find(ids.back())) return refused(StanzaError::item_not_found());
        if (is_anothers(c, node, ids.back())) return refused(StanzaError::forbidden());
    }
    if (ids.empty()) return refused(because(StanzaError::bad_request(), "item-required"));
    xml::Element items{"items", kEvent};
    items.set("node", node.name);
    for (const auto& id : ids) {
        c.service.erase(node, id);
        c.record(change::DropItem{node.name, id});
        items.add("retract").set("id", id);
    }
    c.out.touched.push_back(node.name);
    if (node.config.notify_retract || read_boolean(retract.attribute("notify")).value_or(false))
        announce(c, node, std::move(items));
    return std::nullopt;
}

std::vector<Change> expire(Service& service, WallTime now) {
    std::vector<Change> changes;
    for (auto& [name, node] : service.nodes) {
        const auto age = node.config.item_expire;
        while (age.count() > 0 && !node.items.empty() && node.items.oldest()->published + age <= now) {
            const auto id = node.items.oldest()->id;
            service.erase(node, id);
            changes.emplace_back(change::DropItem{name, id});
        }
        std::vector<Subscription> over;
        for (const auto& each : node.subscriptions) {
            if (each.options.expire && *each.options.expire <= now) over.push_back(each);
        }
        for (const auto& each : over) {
            node.drop_subscription(each.jid);
            changes.emplace_back(change::DropSubscription{name, each.jid, each.subid});
        }
    }
    return changes;
}

}  // namespace carillon::pubsub
