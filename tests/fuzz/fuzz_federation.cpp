/// What another server may say on its stream, octet by octet: the opening, dialback, acks and stanzas. Nothing of it
/// keeps the namespace of streams between servers, and what is made of it is read again as it was meant.
#include <cstdlib>

#include "signaling/federation/acks.h"
#include "signaling/federation/dialback.h"
#include "signaling/federation/peer_stream.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/stanza.h"

using namespace carillon;

namespace {

void opening(const xml::StreamOpen& open) {
    const auto tag = federation::PeerStream::open_tag(open.root.attribute("to"), open.root.attribute("from"), "1");
    xml::StreamParser parser{{}};
    parser.feed(tag);
    const auto event = parser.next();
    const auto* again = std::get_if<xml::StreamOpen>(&event);
    if (!again || again->content_ns != federation::kServer) std::abort();
    if (again->root.attribute("from") != open.root.attribute("to")) std::abort();
}

void dialback(const xml::Element& element) {
    const auto from = element.attribute("from");
    const auto to = element.attribute("to");
    const auto id = element.attribute("id");
    const auto text = "<x xmlns:db='jabber:server:dialback'>" +
                      federation::dialback_element("verify", to, from, id, "valid", element.text()) + "</x>";
    const auto again = xml::parse_document(text);
    const auto* verify = again ? again->child("verify", federation::kDialback) : nullptr;
    // Empty attributes are left out.
    if (!verify || verify->attribute("from") != to || verify->attribute("id") != id) std::abort();
    const Secret secret{"secret"};
    const auto key = federation::dialback_key(secret, from, to, id);
    if (key.size() != 64 || federation::same_key(key, element.text())) std::abort();
}

bool keeps_namespace(const xml::Element& element) {
    if (element.ns() == federation::kServer) return true;
    if (element.ns() != "jabber:client") return false;  // what is inside is its own affair
    for (const auto* child : element.children()) {
        if (keeps_namespace(*child)) return true;
    }
    return false;
}

void stanza(xml::Element element) {
    if (element.ns() != federation::kServer) return;
    federation::to_client_namespace(element);
    if (keeps_namespace(element)) std::abort();
    if (auto parsed = xmpp::Stanza::parse(std::move(element)))
        (void)xmpp::error_reply(parsed->element(), xmpp::StanzaError::bad_request());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    xml::ParserLimits limits;
    limits.stanza_bytes = 10 * 1024;
    xml::StreamParser parser{limits};
    parser.feed({reinterpret_cast<const char*>(data), size});
    for (;;) {
        auto event = parser.next();
        if (auto* open = std::get_if<xml::StreamOpen>(&event)) {
            opening(*open);
        } else if (auto* element = std::get_if<xml::Element>(&event)) {
            if (element->ns() == federation::kDialback) dialback(*element);
            if (element->ns() == federation::kAcks) {
                const auto handled = federation::handled_of(*element);
                if (handled && std::to_string(*handled).size() > element->attribute("h").size()) std::abort();
            }
            stanza(std::move(*element));
        } else {
            return 0;
        }
    }
}
