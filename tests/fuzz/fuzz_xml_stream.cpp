/// What the stream parser gives does not depend on how the octets were cut, and each stanza survives being written and
/// parsed again.
#include <cstdlib>
#include <vector>

#include "signaling/xml/stream_parser.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/stanza.h"

using namespace carillon;

namespace {

constexpr xml::ParserLimits kLimits{.stanza_bytes = 4096, .depth = 16, .attributes = 16, .elements = 200};

std::vector<xml::Element> stanzas_of(std::string_view input, std::size_t piece) {
    xml::StreamParser parser{kLimits};
    std::vector<xml::Element> stanzas;
    while (!input.empty()) {
        parser.feed(input.substr(0, piece));
        input.remove_prefix(std::min(piece, input.size()));
        for (;;) {
            auto event = parser.next();
            if (std::holds_alternative<xml::NeedMore>(event)) break;
            if (std::holds_alternative<xml::StreamClose>(event) || std::holds_alternative<xml::StreamFault>(event))
                return stanzas;
            if (auto* stanza = std::get_if<xml::Element>(&event)) stanzas.push_back(std::move(*stanza));
        }
    }
    return stanzas;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const auto whole = stanzas_of(input, size + 1);
    const auto pieces = stanzas_of(input, 3);
    // A limit may strike earlier in one cutting than in the other, so the common beginning is what must agree.
    for (std::size_t i = 0; i < std::min(whole.size(), pieces.size()); ++i) {
        if (!(whole[i] == pieces[i])) std::abort();
    }
    for (const auto& stanza : whole) {
        const auto again = xml::parse_document(xml::to_document(stanza));
        if (!again || !(*again == stanza)) std::abort();
        if (auto parsed = xmpp::Stanza::parse(stanza))
            (void)xmpp::error_reply(parsed->element(), xmpp::StanzaError::bad_request());
    }
    return 0;
}
