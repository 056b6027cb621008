/// Test help: elements from and to text.
#pragma once
#include <expat.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/xml/element.h"

namespace carillon::test {

inline xml::Element parse_xml(std::string_view text) {
    struct State {
        std::vector<xml::Element> open;
        xml::Element root;
    } state;
    const auto parser = XML_ParserCreateNS(nullptr, ' ');
    XML_SetUserData(parser, &state);
    const auto split = [](const char* raw) {
        const std::string_view name{raw};
        const auto space = name.find(' ');
        return space == name.npos ? std::pair{std::string_view{}, name}
                                  : std::pair{name.substr(0, space), name.substr(space + 1)};
    };
    static const auto kSplit = split;
    XML_SetElementHandler(
        parser,
        [](void* user, const char* raw, const char** attributes) {
            const auto [ns, name] = kSplit(raw);
            xml::Element element{name, ns};
            for (; *attributes; attributes += 2) element.set(attributes[0], attributes[1]);
            static_cast<State*>(user)->open.push_back(std::move(element));
        },
        [](void* user, const char*) {
            auto& s = *static_cast<State*>(user);
            auto done = std::move(s.open.back());
            s.open.pop_back();
            if (s.open.empty()) {
                s.root = std::move(done);
            } else {
                s.open.back().append(std::move(done));
            }
        });
    XML_SetCharacterDataHandler(parser, [](void* user, const char* data, int size) {
        const std::string_view piece{data, static_cast<std::size_t>(size)};
        auto& s = *static_cast<State*>(user);
        if (!s.open.empty() && piece.find_first_not_of(" \n\t") != piece.npos) s.open.back().add_text(piece);
    });
    const auto status = XML_Parse(parser, text.data(), static_cast<int>(text.size()), 1);
    XML_ParserFree(parser);
    if (status != XML_STATUS_OK) throw std::runtime_error{"bad XML in a test"};
    return state.root;
}

/// All names, attributes and texts in one string: enough to look for what must not be there.
inline std::string flatten(const xml::Element& element) {
    auto out = '<' + element.name() + ' ' + element.ns();
    for (const auto& [name, value] : element.attributes()) out += ' ' + name + "='" + value + '\'';
    out += '>' + element.text();
    for (const auto* child : element.children()) out += flatten(*child);
    return out;
}

}  // namespace carillon::test
