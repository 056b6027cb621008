/// Namespaces and names of publish-subscribe.
/// Spec: XEP-0060 1.30.0, XEP-0059 1.0, XEP-0248 0.3.0.
#pragma once
#include <string_view>

namespace carillon::pubsub {

inline constexpr std::string_view kPubsub = "http://jabber.org/protocol/pubsub";
inline constexpr std::string_view kOwner = "http://jabber.org/protocol/pubsub#owner";
inline constexpr std::string_view kEvent = "http://jabber.org/protocol/pubsub#event";
inline constexpr std::string_view kErrors = "http://jabber.org/protocol/pubsub#errors";
inline constexpr std::string_view kNodeConfigForm = "http://jabber.org/protocol/pubsub#node_config";
inline constexpr std::string_view kPublishOptionsForm = "http://jabber.org/protocol/pubsub#publish-options";
inline constexpr std::string_view kSubscribeOptionsForm = "http://jabber.org/protocol/pubsub#subscribe_options";
inline constexpr std::string_view kAuthorizationForm = "http://jabber.org/protocol/pubsub#subscribe_authorization";
inline constexpr std::string_view kMetaDataForm = "http://jabber.org/protocol/pubsub#meta-data";
inline constexpr std::string_view kForm = "jabber:x:data";
inline constexpr std::string_view kRsm = "http://jabber.org/protocol/rsm";
inline constexpr std::string_view kDelay = "urn:xmpp:delay";
inline constexpr std::string_view kShim = "http://jabber.org/protocol/shim";
inline constexpr std::string_view kDiscoInfo = "http://jabber.org/protocol/disco#info";
inline constexpr std::string_view kDiscoItems = "http://jabber.org/protocol/disco#items";

}  // namespace carillon::pubsub
