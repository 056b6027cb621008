/// A publish-subscribe service in memory: nodes, who has which part in them, and which items there are. Payloads stay
/// in storage. Spec: XEP-0060 §4 (affiliations, subscription states, node types). Not here: what requests do with it
/// (requests.h), storage (storage/pubsub_store.h).
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "signaling/pubsub/config.h"
#include "signaling/pubsub/records.h"

namespace carillon::pubsub {

/// §4.1. The numbers are stored.
enum class Affiliation : std::uint8_t {
    none = 0,
    outcast = 1,
    member = 2,
    publish_only = 3,
    publisher = 4,
    owner = 5,
};
/// §4.2; `unconfigured` does not occur: all options have defaults. The numbers are stored.
enum class State : std::uint8_t { none = 0, pending = 1, subscribed = 3 };

std::string_view to_text(Affiliation affiliation);
std::string_view to_text(State state);
std::optional<Affiliation> affiliation_of(std::string_view text);
std::optional<State> state_of(std::string_view text);

/// §6.3.
struct SubscriptionOptions {
    bool deliver = true;
    bool digest = false;        ///< kept, but every event is sent at once
    bool include_body = false;  ///< kept; events carry no text for people
    bool nodes = false;         ///< of a collection: tell of nodes instead of items (XEP-0248)
    bool deep = false;          ///< of a collection: also of what lies deeper
    std::optional<WallTime> expire;
    std::vector<std::string> show_values;  ///< kept
    friend bool operator==(const SubscriptionOptions&, const SubscriptionOptions&) = default;
};

struct Subscription {
    xmpp::Jid jid;
    std::string subid;
    State state = State::none;
    SubscriptionOptions options;
};

struct Item {
    std::string id;
    xmpp::Jid publisher;
    std::int64_t sequence = 0;
    WallTime published{};
    std::uint64_t octets = 0;
};

/// The items of a node, oldest first, found by id.
class Items {
  public:
    using Map = std::map<std::int64_t, Item>;
    std::size_t size() const { return by_sequence_.size(); }
    bool empty() const { return by_sequence_.empty(); }
    const Map& all() const { return by_sequence_; }
    const Item* find(const std::string& id) const;
    const Item* newest() const { return empty() ? nullptr : &by_sequence_.rbegin()->second; }
    const Item* oldest() const { return empty() ? nullptr : &by_sequence_.begin()->second; }
    void put(Item item);  ///< instead of the one of that id
    bool erase(const std::string& id);
    void clear();
    std::uint64_t octets() const { return octets_; }

  private:
    Map by_sequence_;
    std::unordered_map<std::string, std::int64_t> sequences_;
    std::uint64_t octets_ = 0;
};

struct Node {
    std::string name;
    NodeConfig config;
    xmpp::Jid creator;
    WallTime created{};
    std::map<xmpp::Jid, Affiliation> affiliations;  ///< of bare JIDs
    std::vector<Subscription> subscriptions;
    std::map<xmpp::Jid, std::size_t> subscribers;  ///< bare JIDs and how many subscriptions each has, of any state
    Items items;

    Affiliation affiliation(const xmpp::Jid& bare) const;
    std::vector<xmpp::Jid> owners() const;
    Subscription* find_subscription(const xmpp::Jid& jid);
    /// Whether a subscription in force is that bare JID's.
    bool is_subscribed(const xmpp::Jid& bare) const;
    bool is_pending(const xmpp::Jid& bare) const;
    void add_subscription(Subscription subscription);
    void drop_subscription(const xmpp::Jid& jid);
};

/// Threading: its owner's shard.
struct Service {
    xmpp::Jid jid;
    bool personal = false;  ///< an account's (PEP): its user owns all nodes
    std::map<std::string, Node, std::less<>> nodes;
    std::int64_t last_sequence = 0;
    std::uint64_t octets = 0;  ///< of all payloads

    Node* find(std::string_view name);
    void put(Node& node, Item item);
    void erase(Node& node, const std::string& id);
    void purge(Node& node);
    void drop(std::string_view name);
    std::size_t subscriptions_of(const xmpp::Jid& bare) const;
    std::size_t nodes_of(const xmpp::Jid& creator) const;
};

Service restore(xmpp::Jid jid, bool personal, Snapshot snapshot, const NodeConfig& defaults);

xml::Element to_form(const SubscriptionOptions& options, std::string_view type, bool of_collection);
/// Nothing: a value is not possible.
std::optional<SubscriptionOptions> apply(SubscriptionOptions options, const Form& form);

NodeRecord record_of(const Node& node);
SubscriptionRecord record_of(const Node& node, const Subscription& subscription);

}  // namespace carillon::pubsub
