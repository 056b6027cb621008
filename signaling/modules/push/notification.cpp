#include "signaling/modules/push/notification.h"

#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"

namespace carillon::modules {
namespace {

constexpr std::string_view kForm = "jabber:x:data";
constexpr std::string_view kOptions = "http://jabber.org/protocol/pubsub#publish-options";
constexpr std::string_view kSummary = "urn:xmpp:push:summary";
// Not of the XEP, but what push services for phones look at: a call must not wait for the phone's next look around.
constexpr std::string_view kPriority = "tigase:push:priority:0";
constexpr std::string_view kCall = "tigase:push:jingle:0";
constexpr std::size_t kMaxNode = 1023;
constexpr std::size_t kMaxForm = 8 * 1024;
constexpr std::size_t kMaxBody = 1024;

void add_field(xml::Element& form, std::string_view var, std::string_view value) {
    form.add("field").set("var", var).add("value").add_text(value);
}

/// At most so many octets, and no part of a character.
std::string_view shortened(std::string_view text) {
    if (text.size() <= kMaxBody) return text;
    std::size_t end = kMaxBody;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

bool is_options_form(const xml::Element& form) {
    for (const auto* field : form.children()) {
        if (field->is("field", kForm) && field->attribute("var") == "FORM_TYPE")
            return field->child_text("value", kForm) == kOptions;
    }
    return false;
}

}  // namespace

std::expected<storage::PushRegistration, xmpp::StanzaError> read_enable(const xml::Element& enable) {
    using xmpp::StanzaError;
    auto service = xmpp::Jid::parse(enable.attribute("jid"));
    if (!service)
        return std::unexpected{enable.has_attribute("jid") ? StanzaError::jid_malformed() : StanzaError::bad_request()};
    storage::PushRegistration made;
    made.service = std::move(*service);
    made.node = enable.attribute("node");
    if (made.node.size() > kMaxNode)
        return std::unexpected{StanzaError::not_acceptable().with_text("the node's name is too long")};
    if (const auto* form = enable.child("x", kForm)) {
        if (!is_options_form(*form)) return std::unexpected{StanzaError::bad_request()};
        auto submitted = *form;
        submitted.set("type", "submit");
        made.form = xml::to_document(submitted);
        if (made.form.size() > kMaxForm)
            return std::unexpected{StanzaError::not_acceptable().with_text("the publish options are too long")};
    }
    return made;
}

xml::Element notification(const storage::PushRegistration& registration, const PushSummary& summary) {
    xml::Element pubsub{"pubsub", kPubsub};
    auto& publish = pubsub.add("publish");
    if (!registration.node.empty()) publish.set("node", registration.node);
    auto& item = publish.add("item").add("notification", kPushNs);
    auto& form = item.add("x", kForm).set("type", "submit");
    add_field(form, "FORM_TYPE", kSummary);
    add_field(form, "message-count", std::to_string(summary.messages));
    if (summary.requests > 0) add_field(form, "pending-subscription-count", std::to_string(summary.requests));
    if (!summary.last.sender.empty()) add_field(form, "last-message-sender", summary.last.sender);
    if (!summary.last.body.empty()) add_field(form, "last-message-body", shortened(summary.last.body));
    if (summary.last.weight == PushWeight::call) {
        item.add("priority", kPriority).add_text("high");
        auto& call = item.add("jingle", kCall).set("sid", summary.last.call_id);
        call.add("media").add_text("audio");
        if (summary.last.video) call.add("media").add_text("video");
    }
    if (registration.form.empty()) return pubsub;
    if (auto options = xml::parse_document(registration.form))
        pubsub.add("publish-options").append(std::move(*options));
    return pubsub;
}

}  // namespace carillon::modules
