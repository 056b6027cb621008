/// What a sleeping device is worth being woken for.
/// Spec: XEP-0357 0.4.1 §6 ("an event warranting a push notification"), XEP-0353 and XEP-0166 (calls), XEP-0280 (what a
/// copy says is what its message says).
/// Not here: whether it sleeps (push.cpp).
#pragma once
#include "signaling/xml/element.h"

namespace carillon::modules {

enum class PushWeight {
    none,
    request,  ///< somebody asks to see the user's presence
    message,
    call,  ///< somebody rings: at once, whatever else is under way
};

struct PushEvent {
    PushWeight weight = PushWeight::none;
    std::string sender;
    std::string body;
    std::string call_id;  ///< of a call
    bool video = false;
};

/// `stanza` as it is sent to the user `bare`.
PushEvent push_event(const xml::Element& stanza, std::string_view bare);

}  // namespace carillon::modules
