/// An XML element in memory, as stanzas are made of: built, looked into, and written out.
/// Not here: parsing (the stream's library does it), prefixes, mixed content order (XMPP has none).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::phone {

class Element {
  public:
    Element() = default;
    explicit Element(std::string_view name, std::string_view ns = {}) : name_{name}, ns_{ns} {}

    const std::string& name() const { return name_; }
    const std::string& ns() const { return ns_; }
    const std::string& text() const { return text_; }
    const std::vector<Element>& children() const { return children_; }
    bool is(std::string_view name, std::string_view ns) const { return name_ == name && ns_ == ns; }

    /// Empty when there is none: XMPP treats both alike nearly everywhere.
    const std::string& attribute(std::string_view name) const;
    /// A number from an attribute, `fallback` when absent or not a number in [0, 2^32).
    unsigned long number(std::string_view name, unsigned long fallback = 0) const;
    const Element* child(std::string_view name, std::string_view ns) const;
    const Element* child(std::string_view name) const;

    Element& set(std::string_view name, std::string_view value) &;
    Element& text(std::string_view text) &;
    Element& add(Element child) &;
    Element&& set(std::string_view name, std::string_view value) && { return std::move(set(name, value)); }
    Element&& text(std::string_view value) && { return std::move(text(value)); }
    Element&& add(Element child) && { return std::move(add(std::move(child))); }

    std::string to_xml(std::string_view inherited_ns = {}) const;

  private:
    void inherit(std::string_view ns);
    void write(std::string& out, std::string_view inherited_ns) const;

    std::string name_;
    std::string ns_;  // empty: the parent's
    std::string text_;
    std::vector<std::pair<std::string, std::string>> attributes_;
    std::vector<Element> children_;
};

}  // namespace carillon::phone
