#include "signaling/jingle/invite.h"

#include <algorithm>
#include <array>
#include <utility>

#include "signaling/jingle/build.h"
#include "signaling/jingle/namespaces.h"

namespace carillon::jingle {
namespace {

constexpr std::array<std::pair<std::string_view, InviteAction>, 7> kActions{{
    {"propose", InviteAction::propose},
    {"ringing", InviteAction::ringing},
    {"proceed", InviteAction::proceed},
    {"accept", InviteAction::accept},
    {"reject", InviteAction::reject},
    {"retract", InviteAction::retract},
    {"finish", InviteAction::finish},
}};
constexpr std::size_t kMaxId = 256;

}  // namespace

std::string_view to_string(InviteAction action) {
    return std::ranges::find(kActions, action, &std::pair<std::string_view, InviteAction>::second)->first;
}

std::optional<Invite> parse_invite(const xml::Element& message) {
    for (const auto* child : message.children()) {
        if (!child->ns().starts_with(ns::kMessagePrefix)) continue;
        const auto known =
            std::ranges::find(kActions, child->name(), &std::pair<std::string_view, InviteAction>::first);
        const auto id = child->attribute("id");
        if (known == kActions.end() || id.empty() || id.size() > kMaxId) continue;
        Invite invite{.action = known->second,
                      .id = std::string{id},
                      .ns = child->ns(),
                      .reason = {},
                      .migrated_to = {},
                      .tie_break = child->child("tie-break") != nullptr};
        if (const auto* reason = child->child("reason", ns::kJingle)) invite.reason = parse_reason(*reason);
        if (const auto* migrated = child->child("migrated")) invite.migrated_to = migrated->attribute("to");
        return invite;
    }
    return std::nullopt;
}

xml::Element make_invite(InviteAction action, std::string_view ns, std::string_view id, const Reason& reason) {
    xml::Element element{to_string(action), ns};
    element.set("id", id);
    if (!reason.condition.empty()) element.append(make_reason(reason));
    return element;
}

}  // namespace carillon::jingle
