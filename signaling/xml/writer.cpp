#include "signaling/xml/writer.h"

#include <array>

namespace carillon::xml {
namespace {

/// What has to be replaced: nullptr means the octet goes out as it is, "" that it is dropped.
constexpr std::array<const char*, 256> kEscapes = [] {
    std::array<const char*, 256> table{};
    for (std::size_t c = 0; c < 0x20; ++c) table[c] = "";
    table['\t'] = "&#9;";  // references survive attribute-value normalisation
    table['\n'] = "&#10;";
    table['\r'] = "&#13;";
    table['<'] = "&lt;";
    table['>'] = "&gt;";
    table['&'] = "&amp;";
    table['"'] = "&quot;";
    table['\''] = "&apos;";
    return table;
}();

void append(std::string& out, std::string_view text, bool in_attribute) {
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const char* escape = kEscapes[c];
        if (!escape) continue;
        if (!in_attribute && (c == '\n' || c == '\t')) continue;
        out.append(text, plain, i - plain);
        out += escape;
        plain = i + 1;
    }
    out.append(text, plain);
}

void write_attribute(std::string& out, const Element::Attribute& attribute, int& prefixes) {
    const auto& [name, value] = attribute;
    out += ' ';
    if (name.starts_with('{')) {
        const auto end = name.rfind('}');  // a namespace may hold one, a local name may not
        const auto prefix = "ns" + std::to_string(prefixes++);
        out += "xmlns:" + prefix + "=\"";
        append(out, std::string_view{name}.substr(1, end - 1), true);
        out += "\" " + prefix + ':';
        out.append(name, end + 1);
    } else {
        out += name;
    }
    out += "=\"";
    append(out, value, true);
    out += '"';
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) { append(out, text, true); }

void write(std::string& out, const Element& element, std::string_view context_ns) {
    out += '<';
    // The stream's own elements keep the prefix that its header declares (RFC 6120 §4.8.5).
    const bool stream_prefix = element.ns() == "http://etherx.jabber.org/streams" && context_ns != element.ns();
    if (stream_prefix) out += "stream:";
    out += element.name();
    std::string_view inner_ns = context_ns;
    if (!stream_prefix && element.ns() != context_ns) {
        out += " xmlns=\"";
        append(out, element.ns(), true);
        out += '"';
        inner_ns = element.ns();
    }
    int prefixes = 0;
    for (const auto& attribute : element.attributes()) write_attribute(out, attribute, prefixes);
    if (element.nodes().empty()) {
        out += "/>";
        return;
    }
    out += '>';
    for (const auto& node : element.nodes()) {
        if (const auto* text = std::get_if<std::string>(&node)) {
            append(out, *text, false);
        } else {
            write(out, std::get<Element>(node), inner_ns);
        }
    }
    out += "</";
    if (stream_prefix) out += "stream:";
    out += element.name();
    out += '>';
}

std::string to_string(const Element& element, std::string_view context_ns) {
    std::string out;
    write(out, element, context_ns);
    return out;
}

std::string to_document(const Element& element) {
    // Any context other than the element's own makes it declare its namespace, the streams namespace included.
    return to_string(element, element.ns() == "http://etherx.jabber.org/streams" ? element.ns() : std::string_view{});
}

}  // namespace carillon::xml
