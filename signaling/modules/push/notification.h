/// Registrations and notifications as XML.
/// Spec: XEP-0357 0.4.1 §4, §5, §6; XEP-0060 §7.1 (publishing with options).
#pragma once
#include <expected>

#include "signaling/modules/push/rules.h"
#include "signaling/storage/push_store.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::modules {

inline constexpr std::string_view kPushNs = "urn:xmpp:push:0";
inline constexpr std::string_view kPubsub = "http://jabber.org/protocol/pubsub";

std::expected<storage::PushRegistration, xmpp::StanzaError> read_enable(const xml::Element& enable);

struct PushSummary {
    std::uint64_t messages = 0;
    std::size_t requests = 0;  ///< for subscriptions that wait; 0: not told
    PushEvent last;            ///< sender and body empty: not told
};

/// The <pubsub/> that publishes it.
xml::Element notification(const storage::PushRegistration& registration, const PushSummary& summary);

}  // namespace carillon::modules
