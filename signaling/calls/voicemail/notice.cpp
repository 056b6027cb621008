#include "signaling/calls/voicemail/notice.h"

#include <algorithm>

#include "signaling/calls/voicemail/commands.h"
#include "signaling/files/sharing.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::calls {
namespace {

constexpr std::string_view kFallback = "urn:xmpp:fallback:0";
constexpr std::string_view kHints = "urn:xmpp:hints";
constexpr std::string_view kMarkers = "urn:xmpp:chat-markers:0";

void add_sharing(xml::Element& element, const VoicemailMessage& message, std::string_view url) {
    auto& sharing = element.add("file-sharing", files::kSharing);
    sharing.set("disposition", "inline");
    auto& file = sharing.add("file", files::kMetadata);
    file.add("media-type").add_text(kVoicemailType);
    file.add("name").add_text(file_name(message));
    file.add("size").add_text(std::to_string(message.size));
    file.add("length").add_text(std::to_string(message.duration.count()));
    file.add("date").add_text(xmpp::to_datetime(message.at));
    file.add("desc").add_text("Voicemail from " + message.caller);
    files::add_hash(file, message.hash);
    files::add_source(sharing, url);
    element.add("fallback", kFallback).set("for", files::kSharing).add("body");
}

xml::Element form_of(const VoicemailMessage& message, std::string_view url, std::size_t number,
                     const VoicemailBox& box) {
    xml::Element form{"x", "jabber:x:data"};
    form.set("type", "result");
    add_field(form, "FORM_TYPE", kVoicemailForm).set("type", "hidden");
    add_field(form, "number", std::to_string(number));
    add_field(form, "caller", message.caller);
    add_field(form, "time", xmpp::to_datetime(message.at));
    add_field(form, "duration_ms", std::to_string(message.duration.count()));
    add_field(form, "complete", message.complete ? "true" : "false");
    add_field(form, "messages", std::to_string(box.messages.size()));
    add_field(form, "unheard", std::to_string(box.unheard()));
    add_field(form, "url", url);
    return form;
}

}  // namespace

xml::Element& add_field(xml::Element& form, std::string_view var, std::string_view value) {
    auto& field = form.add("field");
    field.set("var", var).add("value").add_text(value);
    return field;
}

std::string file_name(const VoicemailMessage& message) {
    auto time = xmpp::to_datetime(message.at).substr(0, 16);
    std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
    std::ranges::replace(time, 'T', '-');
    return "voicemail-" + message.caller.substr(0, message.caller.find('@')) + '-' + time + ".opus";
}

xmpp::Stanza make_notice(const xmpp::Jid& from, const xmpp::Jid& to, const VoicemailMessage& message,
                         std::string_view url, std::size_t number, const VoicemailBox& box) {
    auto stanza = xmpp::Stanza::message(from, to, "chat");
    auto& element = stanza.element();
    element.set("id", message.stanza);
    const auto words = "Voicemail " + std::to_string(number) + " from " + describe(message);
    element.add("body").add_text(box.link_only ? std::string{url} : words + '\n' + std::string{url});
    auto& link = element.add("x", files::kOob);
    link.add("url").add_text(url);
    link.add("desc").add_text(words);
    add_sharing(element, message, url);
    element.append(form_of(message, url, number, box));
    element.add("markable", kMarkers);
    element.add("store", kHints);
    return stanza;
}

}  // namespace carillon::calls
