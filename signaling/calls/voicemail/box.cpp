#include "signaling/calls/voicemail/box.h"

#include <algorithm>
#include <boost/json.hpp>

namespace carillon::calls {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

std::int64_t milliseconds_of(WallTime time) {
    return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_string() ? std::string{value->as_string()} : std::string{};
}
std::int64_t number_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value && value->is_int64() ? value->as_int64() : 0;
}
bool flag_of(const json::object& object, std::string_view key, bool otherwise) {
    const auto* value = object.if_contains(key);
    return value && value->is_bool() ? value->as_bool() : otherwise;
}

json::object to_json(const VoicemailMessage& message) {
    return {{"id", message.id},
            {"stanza", message.stanza},
            {"caller", message.caller},
            {"at", milliseconds_of(message.at)},
            {"ms", message.duration.count()},
            {"size", static_cast<std::int64_t>(message.size)},
            {"hash", message.hash},
            {"path", message.path},
            {"heard", message.heard},
            {"complete", message.complete}};
}

VoicemailMessage message_of(const json::object& object) {
    return {.id = text_of(object, "id"),
            .stanza = text_of(object, "stanza"),
            .caller = text_of(object, "caller"),
            .at = WallTime{milliseconds{number_of(object, "at")}},
            .duration = milliseconds{number_of(object, "ms")},
            .size = static_cast<std::uint64_t>(number_of(object, "size")),
            .hash = text_of(object, "hash"),
            .path = text_of(object, "path"),
            .heard = flag_of(object, "heard", false),
            .complete = flag_of(object, "complete", true)};
}

}  // namespace

std::size_t VoicemailBox::unheard() const {
    return static_cast<std::size_t>(std::ranges::count(messages, false, &VoicemailMessage::heard));
}

VoicemailMessage* VoicemailBox::number(std::size_t number) {
    return number >= 1 && number <= messages.size() ? &messages[number - 1] : nullptr;
}

void VoicemailBox::expire(WallTime now, milliseconds keep) {
    if (keep.count() == 0) return;
    std::erase_if(messages, [&](const VoicemailMessage& message) { return message.at + keep <= now; });
}

std::vector<VoicemailMessage> VoicemailBox::make_room(std::size_t most) {
    std::vector<VoicemailMessage> gone;
    while (!messages.empty() && messages.size() >= most) {
        auto at = std::ranges::find(messages, true, &VoicemailMessage::heard);
        if (at == messages.end()) at = messages.begin();
        gone.push_back(std::move(*at));
        messages.erase(at);
    }
    return gone;
}

std::string to_text(const VoicemailBox& box) {
    json::array messages;
    for (const auto& message : box.messages) messages.push_back(to_json(message));
    json::object out{{"on", box.on}, {"link_only", box.link_only}, {"messages", std::move(messages)}};
    if (box.after) out["after"] = box.after->count();
    if (!box.greeting.empty()) out["greeting"] = box.greeting;
    return json::serialize(out);
}

VoicemailBox parse_box(std::string_view text) {
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    VoicemailBox box;
    if (error || !parsed.is_object()) return box;
    const auto& object = parsed.as_object();
    box.on = flag_of(object, "on", true);
    box.link_only = flag_of(object, "link_only", false);
    box.greeting = text_of(object, "greeting");
    if (object.contains("after")) box.after = std::chrono::seconds{number_of(object, "after")};
    const auto* messages = object.if_contains("messages");
    if (!messages || !messages->is_array()) return box;
    for (const auto& each : messages->as_array())
        if (each.is_object()) box.messages.push_back(message_of(each.as_object()));
    return box;
}

}  // namespace carillon::calls
