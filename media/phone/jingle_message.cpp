#include "media/phone/jingle_message.h"

#include <algorithm>
#include <array>

#include "media/phone/namespaces.h"

namespace carillon::phone {
namespace {

constexpr std::array<std::string_view, 7> kNames{"propose", "ringing", "proceed", "accept",
                                                 "reject",  "retract", "finish"};

}  // namespace

std::optional<JingleMessage> parse_jingle_message(const Element& message) {
    if (message.name() != "message" || message.attribute("type") == "error") return std::nullopt;
    for (const auto& child : message.children()) {
        if (child.ns() != ns::kJingleMessage) continue;
        const auto kind = std::ranges::find(kNames, child.name());
        if (kind == kNames.end() || child.attribute("id").empty()) continue;
        JingleMessage out{.kind = static_cast<JingleMessage::Kind>(kind - kNames.begin()),
                          .id = child.attribute("id"),
                          .from = message.attribute("from")};
        if (const auto* reason = child.child("reason", ns::kJingle)) {
            for (const auto& condition : reason->children()) {
                if (condition.name() != "text" && out.reason.empty()) out.reason = condition.name();
            }
        }
        if (out.kind == JingleMessage::Kind::propose) {
            out.audio = std::ranges::any_of(child.children(), [](const Element& description) {
                return description.is("description", ns::kRtp) && description.attribute("media") == "audio";
            });
        }
        return out;
    }
    return std::nullopt;
}

Element jingle_message(JingleMessage::Kind kind, const std::string& id, const std::string& to,
                       const std::string& reason) {
    Element payload{kNames[static_cast<std::size_t>(kind)], ns::kJingleMessage};
    payload.set("id", id);
    if (kind == JingleMessage::Kind::propose) payload.add(Element{"description", ns::kRtp}.set("media", "audio"));
    if (!reason.empty()) payload.add(Element{"reason", ns::kJingle}.add(Element{reason}));
    Element message{"message", ns::kClient};
    message.set("to", to).set("type", "chat").set("id", "jm-" + std::string{payload.name()} + "-" + id);
    message.add(std::move(payload)).add(Element{"store", ns::kHints});
    return message;
}

}  // namespace carillon::phone
