#include "signaling/xml/element.h"

#include <algorithm>

namespace carillon::xml {
namespace {

bool matches(const Element& element, std::string_view name, std::string_view ns) {
    return element.name() == name && (ns.empty() || element.ns() == ns);
}

}  // namespace

std::string_view Element::attribute(std::string_view name) const {
    for (const auto& [key, value] : attributes_) {
        if (key == name) return value;
    }
    return {};
}

bool Element::has_attribute(std::string_view name) const {
    return std::ranges::any_of(attributes_, [&](const auto& attribute) { return attribute.first == name; });
}

Element& Element::set(std::string_view name, std::string_view value) {
    for (auto& [key, held] : attributes_) {
        if (key == name) {
            held = value;
            return *this;
        }
    }
    attributes_.emplace_back(name, value);
    return *this;
}

void Element::remove_attribute(std::string_view name) {
    std::erase_if(attributes_, [&](const auto& attribute) { return attribute.first == name; });
}

const Element* Element::child(std::string_view name, std::string_view ns) const {
    for (const auto& node : nodes_) {
        if (const auto* element = std::get_if<Element>(&node); element && matches(*element, name, ns)) return element;
    }
    return nullptr;
}

Element* Element::child(std::string_view name, std::string_view ns) {
    return const_cast<Element*>(std::as_const(*this).child(name, ns));
}

const Element* Element::child_in(std::string_view ns) const {
    for (const auto& node : nodes_) {
        if (const auto* element = std::get_if<Element>(&node); element && element->ns() == ns) return element;
    }
    return nullptr;
}

const Element* Element::first_child() const {
    for (const auto& node : nodes_) {
        if (const auto* element = std::get_if<Element>(&node)) return element;
    }
    return nullptr;
}

Element* Element::first_child() { return const_cast<Element*>(std::as_const(*this).first_child()); }

std::vector<const Element*> Element::children() const {
    std::vector<const Element*> found;
    for (const auto& node : nodes_) {
        if (const auto* element = std::get_if<Element>(&node)) found.push_back(element);
    }
    return found;
}

std::vector<Element*> Element::children() {
    std::vector<Element*> found;
    for (auto& node : nodes_) {
        if (auto* element = std::get_if<Element>(&node)) found.push_back(element);
    }
    return found;
}

Element& Element::add(std::string_view name, std::string_view ns) {
    nodes_.emplace_back(std::in_place_type<Element>, name, ns.empty() ? std::string_view{ns_} : ns);
    return std::get<Element>(nodes_.back());
}

Element& Element::append(Element child) {
    nodes_.emplace_back(std::move(child));
    return std::get<Element>(nodes_.back());
}

Element& Element::add_text(std::string_view text) {
    if (text.empty()) return *this;
    if (!nodes_.empty()) {
        if (auto* last = std::get_if<std::string>(&nodes_.back())) {
            last->append(text);
            return *this;
        }
    }
    nodes_.emplace_back(std::string{text});
    return *this;
}

std::string Element::text() const {
    std::string joined;
    for (const auto& node : nodes_) {
        if (const auto* text = std::get_if<std::string>(&node)) joined += *text;
    }
    return joined;
}

std::string Element::child_text(std::string_view name, std::string_view ns) const {
    const auto* found = child(name, ns);
    return found ? found->text() : std::string{};
}

void Element::clear_nodes() { nodes_.clear(); }

bool Element::empty() const { return nodes_.empty(); }

bool operator==(const Element& a, const Element& b) {
    if (a.name_ != b.name_ || a.ns_ != b.ns_ || a.nodes_ != b.nodes_) return false;
    // Attribute order says nothing (XML 1.0 §3.1); names are unique.
    return a.attributes_.size() == b.attributes_.size() &&
           std::ranges::all_of(a.attributes_, [&](const auto& attribute) {
               return std::ranges::find(b.attributes_, attribute) != b.attributes_.end();
           });
}

}  // namespace carillon::xml
