#include "media/phone/element.h"

#include <charconv>

namespace carillon::phone {
namespace {

void escape(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&apos;";
                break;
            default:
                out += c;
        }
    }
}

}  // namespace

const std::string& Element::attribute(std::string_view name) const {
    static const std::string kNone;
    for (const auto& [key, value] : attributes_) {
        if (key == name) return value;
    }
    return kNone;
}

unsigned long Element::number(std::string_view name, unsigned long fallback) const {
    const auto& text = attribute(name);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? value : fallback;
}

const Element* Element::child(std::string_view name, std::string_view ns) const {
    for (const auto& element : children_) {
        if (element.is(name, ns)) return &element;
    }
    return nullptr;
}

const Element* Element::child(std::string_view name) const {
    for (const auto& element : children_) {
        if (element.name_ == name) return &element;
    }
    return nullptr;
}

Element& Element::set(std::string_view name, std::string_view value) & {
    for (auto& [key, old] : attributes_) {
        if (key == name) {
            old = value;
            return *this;
        }
    }
    attributes_.emplace_back(name, value);
    return *this;
}

Element& Element::text(std::string_view text) & {
    text_ = text;
    return *this;
}

Element& Element::add(Element child) & {
    child.inherit(ns_);
    children_.push_back(std::move(child));
    return *this;
}

void Element::inherit(std::string_view ns) {
    if (!ns_.empty() || ns.empty()) return;
    ns_ = ns;
    for (auto& element : children_) element.inherit(ns);
}

std::string Element::to_xml(std::string_view inherited_ns) const {
    std::string out;
    write(out, inherited_ns);
    return out;
}

void Element::write(std::string& out, std::string_view inherited_ns) const {
    const std::string_view own = ns_.empty() ? inherited_ns : std::string_view{ns_};
    out += '<';
    out += name_;
    if (own != inherited_ns) {
        out += " xmlns='";
        escape(out, own);
        out += '\'';
    }
    for (const auto& [key, value] : attributes_) {
        out += ' ';
        out += key;
        out += "='";
        escape(out, value);
        out += '\'';
    }
    if (children_.empty() && text_.empty()) {
        out += "/>";
        return;
    }
    out += '>';
    escape(out, text_);
    for (const auto& element : children_) element.write(out, own);
    out += "</";
    out += name_;
    out += '>';
}

}  // namespace carillon::phone
