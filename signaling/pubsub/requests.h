/// Publish-subscribe without sockets or storage: a request, what becomes of the service, what is to be answered and who
/// is to hear of it.
/// Spec: XEP-0060 1.30.0 §5 to §8; XEP-0163 1.2.2; XEP-0248 0.3.0; XEP-0059 1.0.
/// Not here: payloads of stored items (the caller fetches them), delivery.
#pragma once
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "signaling/pubsub/model.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::pubsub {

/// What a service allows.
struct Policy {
    ConfigBounds bounds;
    NodeConfig defaults;
    std::size_t nodes = 1000;
    std::size_t nodes_per_user = 1000;
    std::uint64_t octets = 16ULL * 1024 * 1024;  ///< of all payloads
    std::size_t affiliations = 1000;             ///< of a node
    std::size_t subscriptions = 10'000;          ///< of a node
    std::size_t subscriptions_per_user = 1000;   ///< in the whole service
    std::size_t page = 250;                      ///< most items in one answer
    std::uint64_t page_octets = 1024 * 1024;     ///< of their payloads
    bool anybody_creates = true;                 ///< of those `may_create` lets; else the service's user alone
    std::function<bool(const xmpp::Jid& bare)> may_create;
    /// What a node of that name is, unless its creator says otherwise.
    std::function<void(std::string_view node, NodeConfig& config)> preset;
};

/// What the service needs to know of people.
class People {
  public:
    virtual ~People() = default;
    /// Whether `bare` sees the presence of one of the node's owners.
    virtual bool sees_presence(const Node& node, const xmpp::Jid& bare) const = 0;
    /// Whether `bare` is in one of those groups of an owner's roster; no groups: in any or none.
    virtual bool in_groups(const Node& node, const xmpp::Jid& bare, const std::vector<std::string>& groups) const = 0;
    virtual bool is_blocked(const xmpp::Jid& bare) const = 0;
    /// Full JIDs whose clients ask for NODE+notify and may, by their presence, be told (XEP-0163 §4.3.2).
    virtual std::vector<xmpp::Jid> interested(std::string_view node) const = 0;
    /// Whether that address is known to be there, for pubsub#presence_based_delivery; true when nothing is known.
    virtual bool is_available(const xmpp::Jid& jid) const = 0;
};

struct Recipient {
    xmpp::Jid to;
    std::string collection;  ///< by way of which the event comes (XEP-0248 §6); empty: none
};
/// One <event/> for many.
struct Broadcast {
    xml::Element event;
    bool chat = false;  ///< message type normal; else headline
    std::vector<Recipient> to;
};
/// A message for one: a form to approve a subscription, a change of a part in a node.
struct Direct {
    xmpp::Jid to;
    std::vector<xml::Element> payload;
    bool chat = true;
};
/// The last item of a node, for one (§6.1.7).
struct LastItem {
    std::string node;
    xmpp::Jid to;
};
/// Items whose payloads are to be put into the answer.
struct Fetch {
    std::string node;
    std::vector<std::string> ids;  ///< in the order of the answer
};

using Reply = std::expected<std::optional<xml::Element>, xmpp::StanzaError>;

struct Outcome {
    Reply reply{std::nullopt};
    std::vector<Change> changes;  ///< made in memory already, to be stored in one go
    std::vector<Broadcast> broadcasts;
    std::vector<Direct> directs;
    std::vector<LastItem> last_items;
    std::optional<Fetch> fetch;
    std::vector<std::string> touched;  ///< nodes whose items have changed
};

struct Request {
    xmpp::Jid from;
    bool set = false;
    const xml::Element* payload = nullptr;  ///< <pubsub/> of either namespace
    WallTime now{};
    std::function<std::string()> make_id;
};

/// Threading: the service's.
Outcome handle(Service& service, const Policy& policy, const People& people, const Request& request);
/// A submitted form of pubsub#subscribe_authorization (§8.6); nothing: it is none.
std::optional<Outcome> handle_approval(Service& service, const Policy& policy, const People& people,
                                       const Request& request);
/// The server's own doing, as the service's user: publishes one item of a node made when missing.
Outcome publish_own(Service& service, const Policy& policy, const People& people, const Request& request,
                    std::string_view node, std::string_view id, const xml::Element& payload);
Outcome retract_own(Service& service, const Policy& policy, const People& people, const Request& request,
                    std::string_view node, const std::vector<std::string>& ids);
/// Drops items whose time is over (pubsub#item_expire) and subscriptions likewise.
std::vector<Change> expire(Service& service, WallTime now);

/// Whether `bare` may read and hear of the node.
bool may_read(const Service& service, const Node& node, const People& people, const xmpp::Jid& bare);

/// <item/> as it stands in an answer or event.
xml::Element item_element(const Service& service, const Item& item, std::optional<xml::Element> payload,
                          std::string_view ns);

/// §5.2 to §5.5: disco#info of a node, disco#items of the service (no node) or of a node.
Reply disco_info(Service& service, const Policy& policy, const People& people, const xmpp::Jid& from,
                 std::string_view node);
Reply disco_items(Service& service, const Policy& policy, const People& people, const xmpp::Jid& from,
                  const xml::Element& query);
/// The features of XEP-0060 §10 that any service made of this has, without the namespace.
std::vector<std::string_view> features();

}  // namespace carillon::pubsub
