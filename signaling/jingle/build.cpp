#include "signaling/jingle/build.h"

#include <algorithm>
#include <array>

#include "signaling/jingle/namespaces.h"

namespace carillon::jingle {
namespace {

constexpr std::array<std::string_view, 17> kConditions{"alternative-session",
                                                       "busy",
                                                       "cancel",
                                                       "connectivity-error",
                                                       "decline",
                                                       "expired",
                                                       "failed-application",
                                                       "failed-transport",
                                                       "general-error",
                                                       "gone",
                                                       "incompatible-parameters",
                                                       "media-error",
                                                       "security-error",
                                                       "success",
                                                       "timeout",
                                                       "unsupported-applications",
                                                       "unsupported-transports"};

}  // namespace

bool is_standard_reason(std::string_view condition) {
    return std::ranges::find(kConditions, condition) != kConditions.end();
}

xml::Element make_reason(const Reason& reason) {
    xml::Element element{"reason", ns::kJingle};
    element.add(is_standard_reason(reason.condition) ? std::string_view{reason.condition} : "general-error",
                ns::kJingle);
    if (!reason.text.empty()) element.add("text", ns::kJingle).add_text(reason.text);
    return element;
}

xml::Element make_terminate(std::string_view sid, std::string_view initiator, const Reason& reason) {
    xml::Element jingle{"jingle", ns::kJingle};
    jingle.set("action", "session-terminate").set("sid", sid);
    if (!initiator.empty()) jingle.set("initiator", initiator);
    jingle.append(make_reason(reason));
    return jingle;
}

xml::Element make_transport(Action action, std::string_view sid, const Content& content, xml::Element transport) {
    xml::Element jingle{"jingle", ns::kJingle};
    jingle.set("action", to_string(action)).set("sid", sid);
    auto& element = jingle.add("content", ns::kJingle);
    element.set("creator", content.creator.empty() ? "initiator" : content.creator).set("name", content.name);
    element.append(std::move(transport));
    return jingle;
}

}  // namespace carillon::jingle
