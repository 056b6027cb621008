/// What the parts of the engine share while one request is worked. Internal to signaling/pubsub.
#pragma once
#include "signaling/pubsub/errors.h"
#include "signaling/pubsub/requests.h"

namespace carillon::pubsub {

inline constexpr std::size_t kMaxName = 1023;  ///< octets of a node's name, of an item's id

/// Lives as long as one request.
struct Context {
    Service& service;
    const Policy& policy;
    const People& people;
    const Request& request;
    Outcome& out;

    xmpp::Jid bare() const { return request.from.bare(); }
    bool is_self() const { return service.personal && request.from.same_bare(service.jid); }
    Affiliation affiliation(const Node& node) const { return affiliation_in(service, node, bare()); }
    static Affiliation affiliation_in(const Service& service, const Node& node, const xmpp::Jid& bare);
    bool is_owner(const Node& node) const { return affiliation(node) == Affiliation::owner; }
    void record(Change change) { out.changes.push_back(std::move(change)); }
};

using Done = std::expected<void, xmpp::StanzaError>;
inline std::unexpected<xmpp::StanzaError> refused(xmpp::StanzaError error) { return std::unexpected{std::move(error)}; }
/// The node named, or why not.
std::expected<Node*, xmpp::StanzaError> node_of(Context& c, const xml::Element& request);
std::expected<Node*, xmpp::StanzaError> owned_node_of(Context& c, const xml::Element& request);

// access.cpp
Done check_read(const Service& service, const Node& node, const People& people, const xmpp::Jid& bare);
Done check_subscribe(Context& c, const Node& node, const xmpp::Jid& bare);
Done check_publish(Context& c, const Node& node);

// events.cpp
std::vector<Recipient> recipients(Context& c, const Node& node, bool of_node_itself);
void announce(Context& c, const Node& node, xml::Element child, bool of_node_itself = false);
void tell_state(Context& c, const Node& node, const Subscription& subscription);
void tell_affiliation(Context& c, const Node& node, const xmpp::Jid& bare, Affiliation affiliation);
void ask_owners(Context& c, const Node& node, const Subscription& subscription);

// nodes.cpp
std::expected<Node*, xmpp::StanzaError> make_node(Context& c, std::string name, const Form* form);
Reply create(Context& c, const xml::Element& pubsub, const xml::Element& create);
Reply configure(Context& c, const xml::Element& configure);
Reply default_config(Context& c);
Reply remove_node(Context& c, const xml::Element& request);
Reply purge(Context& c, const xml::Element& request);
void keep(Context& c, const Node& node);

// publish.cpp
Reply publish(Context& c, const xml::Element& pubsub, const xml::Element& publish);
Reply retract(Context& c, const xml::Element& retract);

// read.cpp
Reply items(Context& c, const xml::Element& pubsub, const xml::Element& items);

// subscriptions.cpp
Reply subscribe(Context& c, const xml::Element& pubsub, const xml::Element& subscribe);
Reply unsubscribe(Context& c, const xml::Element& unsubscribe);
Reply options(Context& c, const xml::Element& options);
Reply default_options(Context& c, const xml::Element& request);
Reply own_subscriptions(Context& c, const xml::Element& request);
Reply own_affiliations(Context& c, const xml::Element& request);
void drop_subscription(Context& c, Node& node, const Subscription& subscription, bool tell);
void reevaluate(Context& c, Node& node);

// parts.cpp
Reply affiliations(Context& c, const xml::Element& request);
Reply subscriptions(Context& c, const xml::Element& request);
Done approve(Context& c, const Form& form);

// paging.cpp
struct Page {
    std::vector<std::string> ids;
    xml::Element set;    ///< the <set/> of the answer
    bool whole = false;  ///< nothing is left out
};
/// `set`: the request's, or nullptr. Spec: XEP-0059.
std::expected<Page, xmpp::StanzaError> page(const std::vector<std::string>& all, const xml::Element* set,
                                            std::size_t most);

}  // namespace carillon::pubsub
