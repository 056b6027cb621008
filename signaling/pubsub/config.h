/// How a node is configured: the form of the node's owner.
/// Spec: XEP-0060 §8.2, §16.4.4; XEP-0248 §7 (collections); XEP-0472 (pubsub#type).
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/pubsub/form.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::pubsub {

enum class AccessModel : std::uint8_t { open, presence, roster, authorize, whitelist };
enum class PublishModel : std::uint8_t { publishers, subscribers, open };
enum class SendLast : std::uint8_t { never, on_sub, on_sub_and_presence };
enum class Association : std::uint8_t { all, owners, whitelist };

std::string_view to_text(AccessModel model);
std::string_view to_text(PublishModel model);

/// What a service allows in a configuration.
struct ConfigBounds {
    std::size_t items = 1000;              ///< of a node
    std::size_t item_octets = 256 * 1024;  ///< of an item's payload
    std::size_t children = 1000;           ///< of a collection
};

/// Threading: a value.
struct NodeConfig {
    AccessModel access = AccessModel::open;
    PublishModel publish = PublishModel::publishers;
    SendLast send_last = SendLast::on_sub;
    Association association = Association::all;  ///< who may put nodes below a collection
    bool collection = false;
    bool persist_items = true;
    bool deliver_payloads = true;
    bool deliver_notifications = true;
    bool notify_config = false;
    bool notify_delete = true;
    bool notify_retract = true;
    bool notify_sub = false;
    bool presence_based_delivery = false;
    bool purge_offline = false;
    bool subscribe = true;
    bool chat = false;  ///< pubsub#notification_type: normal instead of headline
    std::size_t max_items = 1;
    std::size_t max_payload = 0;         ///< 0: as much as the service allows
    std::size_t children_max = 0;        ///< 0: as many as the service allows
    std::chrono::seconds item_expire{};  ///< 0: never
    std::string title;
    std::string description;
    std::string language;
    std::string type;       ///< of the payloads
    std::string itemreply;  ///< owner, publisher or nothing
    std::string body_xslt;  ///< kept and shown, never run
    std::string dataform_xslt;
    std::vector<std::string> contact;
    std::vector<std::string> roster_groups;  ///< of AccessModel::roster
    std::vector<std::string> collections;    ///< the node's parents
    std::vector<std::string> association_whitelist;

    friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

/// `config` with the fields of the form put in. Fields that nobody knows are passed over (XEP-0060 §8.2.4); a known one
/// with a value that is none: not-acceptable. Numbers above a bound become the bound.
std::expected<NodeConfig, xmpp::StanzaError> apply(NodeConfig config, const Form& form, const ConfigBounds& bounds);
/// As a form to be filled in ("form"), or as it is ("submit", "result").
xml::Element to_form(const NodeConfig& config, std::string_view type, std::string_view form_type, bool max_as_word,
                     const ConfigBounds& bounds);

}  // namespace carillon::pubsub
