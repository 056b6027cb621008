/// Errors with the conditions of publish-subscribe.
/// Spec: XEP-0060 §15 (schema of pubsub#errors).
#pragma once
#include <string_view>

#include "signaling/pubsub/names.h"
#include "signaling/xmpp/stanza_error.h"

namespace carillon::pubsub {

inline xmpp::StanzaError because(xmpp::StanzaError error, std::string_view condition) {
    return std::move(error).with(xml::Element{condition, kErrors});
}

inline xmpp::StanzaError unsupported(std::string_view feature) {
    xml::Element condition{"unsupported", kErrors};
    condition.set("feature", feature);
    return xmpp::StanzaError::feature_not_implemented().with(std::move(condition));
}

}  // namespace carillon::pubsub
