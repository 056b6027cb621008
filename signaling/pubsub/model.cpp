#include "signaling/pubsub/model.h"

#include <algorithm>
#include <array>

#include "signaling/pubsub/names.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::pubsub {
namespace {

constexpr auto kAffiliations = std::to_array<std::pair<Affiliation, std::string_view>>({
    {Affiliation::none, "none"},
    {Affiliation::outcast, "outcast"},
    {Affiliation::member, "member"},
    {Affiliation::publish_only, "publish-only"},
    {Affiliation::publisher, "publisher"},
    {Affiliation::owner, "owner"},
});
constexpr auto kStates = std::to_array<std::pair<State, std::string_view>>(
    {{State::none, "none"}, {State::pending, "pending"}, {State::subscribed, "subscribed"}});

/// Stored configurations are read back as they are: bounds may have shrunk since.
constexpr ConfigBounds kNoBounds{.items = SIZE_MAX, .item_octets = SIZE_MAX, .children = SIZE_MAX};

std::optional<Form> stored_form(const std::string& document) {
    if (document.empty()) return std::nullopt;
    const auto x = xml::parse_document(document);
    return x ? read_form(*x) : std::nullopt;
}

}  // namespace

std::string_view to_text(Affiliation affiliation) {
    return kAffiliations[static_cast<std::size_t>(affiliation)].second;
}
std::string_view to_text(State state) {
    return std::ranges::find(kStates, state, &decltype(kStates)::value_type::first)->second;
}

std::optional<Affiliation> affiliation_of(std::string_view text) {
    const auto at = std::ranges::find(kAffiliations, text, &decltype(kAffiliations)::value_type::second);
    return at == kAffiliations.end() ? std::nullopt : std::optional{at->first};
}

std::optional<State> state_of(std::string_view text) {
    const auto at = std::ranges::find(kStates, text, &decltype(kStates)::value_type::second);
    return at == kStates.end() ? std::nullopt : std::optional{at->first};
}

const Item* Items::find(const std::string& id) const {
    const auto at = sequences_.find(id);
    return at == sequences_.end() ? nullptr : &by_sequence_.at(at->second);
}

void Items::put(Item item) {
    erase(item.id);
    octets_ += item.octets;
    sequences_[item.id] = item.sequence;
    by_sequence_.insert_or_assign(item.sequence, std::move(item));
}

bool Items::erase(const std::string& id) {
    const auto at = sequences_.find(id);
    if (at == sequences_.end()) return false;
    const auto item = by_sequence_.find(at->second);
    octets_ -= item->second.octets;
    sequences_.erase(at);
    by_sequence_.erase(item);
    return true;
}

void Items::clear() {
    by_sequence_.clear();
    sequences_.clear();
    octets_ = 0;
}

Affiliation Node::affiliation(const xmpp::Jid& bare) const {
    const auto at = affiliations.find(bare);
    return at == affiliations.end() ? Affiliation::none : at->second;
}

std::vector<xmpp::Jid> Node::owners() const {
    std::vector<xmpp::Jid> found;
    for (const auto& [jid, affiliation] : affiliations) {
        if (affiliation == Affiliation::owner) found.push_back(jid);
    }
    return found;
}

Subscription* Node::find_subscription(const xmpp::Jid& jid) {
    if (!subscribers.contains(jid.bare())) return nullptr;
    const auto at = std::ranges::find(subscriptions, jid, &Subscription::jid);
    return at == subscriptions.end() ? nullptr : &*at;
}

bool Node::is_subscribed(const xmpp::Jid& bare) const {
    return subscribers.contains(bare) && std::ranges::any_of(subscriptions, [&](const auto& each) {
               return each.state == State::subscribed && each.jid.same_bare(bare);
           });
}

bool Node::is_pending(const xmpp::Jid& bare) const {
    return subscribers.contains(bare) && std::ranges::any_of(subscriptions, [&](const auto& each) {
               return each.state == State::pending && each.jid.same_bare(bare);
           });
}

void Node::add_subscription(Subscription subscription) {
    ++subscribers[subscription.jid.bare()];
    subscriptions.push_back(std::move(subscription));
}

void Node::drop_subscription(const xmpp::Jid& jid) {
    const auto of = subscribers.find(jid.bare());
    if (of == subscribers.end()) return;
    if (std::erase_if(subscriptions, [&](const auto& each) { return each.jid == jid; }) > 0 && --of->second == 0)
        subscribers.erase(of);
}

Node* Service::find(std::string_view name) {
    const auto at = nodes.find(name);
    return at == nodes.end() ? nullptr : &at->second;
}

void Service::put(Node& node, Item item) {
    octets -= node.items.octets();
    last_sequence = std::max(last_sequence, item.sequence);
    node.items.put(std::move(item));
    octets += node.items.octets();
}

void Service::erase(Node& node, const std::string& id) {
    octets -= node.items.octets();
    node.items.erase(id);
    octets += node.items.octets();
}

void Service::purge(Node& node) {
    octets -= node.items.octets();
    node.items.clear();
}

void Service::drop(std::string_view name) {
    const auto at = nodes.find(name);
    if (at == nodes.end()) return;
    purge(at->second);
    nodes.erase(at);
}

std::size_t Service::subscriptions_of(const xmpp::Jid& bare) const {
    std::size_t sum = 0;
    for (const auto& [name, node] : nodes) {
        const auto at = node.subscribers.find(bare);
        if (at != node.subscribers.end()) sum += at->second;
    }
    return sum;
}

std::size_t Service::nodes_of(const xmpp::Jid& creator) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(nodes, [&](const auto& each) { return each.second.creator == creator; }));
}

Service restore(xmpp::Jid jid, bool personal, Snapshot snapshot, const NodeConfig& defaults) {
    Service service{.jid = std::move(jid), .personal = personal, .nodes = {}};
    for (auto& record : snapshot.nodes) {
        Node node;
        node.name = record.name;
        node.creator = std::move(record.creator);
        node.created = record.created;
        const auto form = stored_form(record.config);
        const auto config = form ? apply(defaults, *form, kNoBounds) : defaults;
        node.config = config.value_or(defaults);
        service.nodes.emplace(std::move(record.name), std::move(node));
    }
    for (auto& record : snapshot.affiliations) {
        if (auto* node = service.find(record.node); node && record.affiliation >= 0 && record.affiliation <= 5)
            node->affiliations[record.jid] = static_cast<Affiliation>(record.affiliation);
    }
    for (auto& record : snapshot.subscriptions) {
        auto* node = service.find(record.node);
        if (!node) continue;
        Subscription made{record.jid, record.subid, static_cast<State>(record.state), {}};
        if (const auto form = stored_form(record.options)) made.options = apply({}, *form).value_or(made.options);
        node->add_subscription(std::move(made));
    }
    for (auto& record : snapshot.items) {
        if (auto* node = service.find(record.node))
            service.put(*node, {record.id, record.publisher, record.sequence, record.published, record.octets});
    }
    return service;
}

xml::Element to_form(const SubscriptionOptions& options, std::string_view type, bool of_collection) {
    FormWriter out{type, kSubscribeOptionsForm};
    out.boolean("pubsub#deliver", "Send events", options.deliver)
        .boolean("pubsub#digest", "Send events in one message now and then", options.digest)
        .boolean("pubsub#include_body", "Send a text for people as well", options.include_body)
        .many("pubsub#show-values", "While the presence is one of", "list-multi", options.show_values);
    if (options.expire) out.text("pubsub#expire", "When the subscription ends", xmpp::to_datetime(*options.expire));
    if (of_collection) {
        out.list("pubsub#subscription_type", "Tell of", options.nodes ? "nodes" : "items", {"items", "nodes"})
            .list("pubsub#subscription_depth", "How deep", options.deep ? "all" : "1", {"1", "all"});
    }
    return out.take();
}

std::optional<SubscriptionOptions> apply(SubscriptionOptions options, const Form& form) {
    const auto boolean = [&](std::string_view name, bool& into) {
        const auto value = form.first(name);
        if (value.empty()) return true;
        const auto read = read_boolean(value);
        if (read) into = *read;
        return read.has_value();
    };
    const auto choice = [&](std::string_view name, std::string_view off, std::string_view on, bool& into) {
        const auto value = form.first(name);
        if (value.empty()) return true;
        into = value == on;
        return value == on || value == off;
    };
    if (!boolean("pubsub#deliver", options.deliver) || !boolean("pubsub#digest", options.digest) ||
        !boolean("pubsub#include_body", options.include_body) ||
        !choice("pubsub#subscription_type", "items", "nodes", options.nodes) ||
        !choice("pubsub#subscription_depth", "1", "all", options.deep))
        return std::nullopt;
    if (const auto* values = form.find("pubsub#show-values")) {
        if (values->size() > 5) return std::nullopt;
        for (const auto& value : *values) {
            if (value.size() > 16) return std::nullopt;
        }
        options.show_values = *values;
    }
    if (const auto expire = form.first("pubsub#expire"); !expire.empty()) {
        if (expire == "presence") return std::nullopt;
        options.expire = xmpp::parse_datetime(expire);
        if (!options.expire) return std::nullopt;
    }
    return options;
}

NodeRecord record_of(const Node& node) {
    return {node.name, xml::to_document(to_form(node.config, "submit", kNodeConfigForm, false, kNoBounds)),
            node.creator, node.created};
}

SubscriptionRecord record_of(const Node& node, const Subscription& subscription) {
    std::string options;
    if (subscription.options != SubscriptionOptions{})
        options = xml::to_document(to_form(subscription.options, "submit", node.config.collection));
    return {node.name, subscription.jid, subscription.subid, static_cast<int>(subscription.state), std::move(options)};
}

}  // namespace carillon::pubsub
