#include "signaling/modules/vcard/conversion.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

namespace carillon::modules::vcards {
namespace {

using xml::Element;

/// A property with one value, by its names here and there.
struct Simple {
    std::string_view temp;
    std::string_view vcard4;
    std::string_view kind;    ///< of value in vCard4
    std::string_view scheme;  ///< of the URI, which vcard-temp leaves away
};
constexpr auto kSimple = std::to_array<Simple>({
    {"FN", "fn", "text", ""},
    {"NICKNAME", "nickname", "text", ""},
    {"URL", "url", "uri", ""},
    {"BDAY", "bday", "date", ""},
    {"JABBERID", "impp", "uri", "xmpp:"},
    {"TITLE", "title", "text", ""},
    {"ROLE", "role", "text", ""},
    {"DESC", "note", "text", ""},
    {"TZ", "tz", "text", ""},
});

/// A part of a property.
struct Part {
    std::string_view temp;
    std::string_view vcard4;
};
constexpr auto kName = std::to_array<Part>(
    {{"FAMILY", "surname"}, {"GIVEN", "given"}, {"MIDDLE", "additional"}, {"PREFIX", "prefix"}, {"SUFFIX", "suffix"}});
constexpr auto kAddress = std::to_array<Part>({{"POBOX", "pobox"},
                                               {"EXTADD", "ext"},
                                               {"STREET", "street"},
                                               {"LOCALITY", "locality"},
                                               {"REGION", "region"},
                                               {"PCODE", "code"},
                                               {"CTRY", "country"}});
/// Empty elements in vcard-temp, values of the parameter "type" in vCard4.
constexpr auto kTypes = std::to_array<Part>({{"HOME", "home"},
                                             {"WORK", "work"},
                                             {"VOICE", "voice"},
                                             {"FAX", "fax"},
                                             {"PAGER", "pager"},
                                             {"CELL", "cell"},
                                             {"VIDEO", "video"}});
constexpr std::array<std::string_view, 5> kComposed{"N", "ORG", "EMAIL", "TEL", "ADR"};

std::string without(std::string_view scheme, std::string text) {
    if (!scheme.empty() && text.starts_with(scheme)) text.erase(0, scheme.size());
    return text;
}

/// The text of the first value of a vCard4 property, of whatever kind.
std::string value_of(const Element& property) {
    for (const auto* child : property.children()) {
        if (child->name() != "parameters") return child->text();
    }
    return {};
}

void add_types(Element& property, const Element& temp) {
    Element types{"type", kVcard4};
    for (const auto& type : kTypes) {
        if (temp.child(type.temp)) types.add("text").add_text(type.vcard4);
    }
    if (!types.empty()) property.add("parameters").append(std::move(types));
}

void read_types(Element& temp, const Element& property) {
    const auto* parameters = property.child("parameters");
    const auto* types = parameters ? parameters->child("type") : nullptr;
    for (const auto* text : types ? types->children() : std::vector<const Element*>{}) {
        const auto named = text->text();
        const auto* at = std::ranges::find(kTypes, named, &Part::vcard4);
        if (at != kTypes.end()) temp.add(at->temp);
    }
}

void add_parts(Element& property, const Element& temp, std::span<const Part> parts) {
    for (const auto& part : parts) {
        if (const auto text = temp.child_text(part.temp); !text.empty()) property.add(part.vcard4).add_text(text);
    }
}

void read_parts(Element& temp, const Element& property, std::span<const Part> parts) {
    for (const auto& part : parts) {
        if (const auto text = property.child_text(part.vcard4); !text.empty()) temp.add(part.temp).add_text(text);
    }
}

void add_composed(Element& out, const Element& temp) {
    const auto& name = temp.name();
    if (name == "N") {
        add_parts(out.add("n"), temp, kName);
    } else if (name == "ORG") {
        auto& org = out.add("org");
        for (const auto* part : temp.children()) org.add("text").add_text(part->text());
    } else if (name == "EMAIL") {
        auto& email = out.add("email");
        add_types(email, temp);
        email.add("text").add_text(temp.child_text("USERID"));
    } else if (name == "TEL") {
        auto& tel = out.add("tel");
        add_types(tel, temp);
        tel.add("uri").add_text("tel:" + without("tel:", temp.child_text("NUMBER")));
    } else if (name == "ADR") {
        auto& address = out.add("adr");
        add_types(address, temp);
        add_parts(address, temp, kAddress);
    }
}

void read_composed(Element& out, const Element& property) {
    const auto& name = property.name();
    if (name == "n") {
        read_parts(out.add("N"), property, kName);
    } else if (name == "org") {
        auto& org = out.add("ORG");
        bool first = true;
        for (const auto* part : property.children()) {
            if (part->name() == "text")
                org.add(std::exchange(first, false) ? "ORGNAME" : "ORGUNIT").add_text(part->text());
        }
    } else if (name == "email") {
        auto& email = out.add("EMAIL");
        read_types(email, property);
        email.add("USERID").add_text(value_of(property));
    } else if (name == "tel") {
        auto& tel = out.add("TEL");
        read_types(tel, property);
        tel.add("NUMBER").add_text(without("tel:", value_of(property)));
    } else if (name == "adr") {
        auto& address = out.add("ADR");
        read_types(address, property);
        read_parts(address, property, kAddress);
    }
}

bool has_place(const Element& temp) {
    const auto& name = temp.name();
    return std::ranges::find(kSimple, name, &Simple::temp) != kSimple.end() ||
           std::ranges::find(kComposed, name) != kComposed.end();
}

}  // namespace

Element to_vcard4(const Element& temp) {
    Element out{"vcard", kVcard4};
    for (const auto* property : temp.children()) {
        const auto* simple = std::ranges::find(kSimple, property->name(), &Simple::temp);
        if (simple == kSimple.end()) {
            add_composed(out, *property);
        } else if (const auto text = property->text(); !text.empty()) {
            const auto value =
                simple->scheme.empty() || text.starts_with(simple->scheme) ? text : std::string{simple->scheme} + text;
            out.add(simple->vcard4).add(simple->kind).add_text(value);
        }
    }
    return out;
}

Element merge_vcard4(Element temp, const Element& vcard4) {
    temp.remove_children_if(has_place);
    for (const auto* property : vcard4.children()) {
        const auto* simple = std::ranges::find(kSimple, property->name(), &Simple::vcard4);
        if (simple == kSimple.end()) {
            read_composed(temp, *property);
            continue;
        }
        if (temp.child(simple->temp)) continue;  // vcard-temp has room for one
        if (auto text = value_of(*property); !text.empty())
            temp.add(simple->temp).add_text(without(simple->scheme, std::move(text)));
    }
    return temp;
}

}  // namespace carillon::modules::vcards
