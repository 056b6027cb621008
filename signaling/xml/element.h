/// An XML element as XMPP uses it: name, namespace, attributes, children and text in document order.
/// Spec: RFC 6120 §4.8 (namespaces), §11 (XML usage).
/// Not here: parsing (stream_parser.h), writing (writer.h).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace carillon::xml {

/// Threading: a value; one owner at a time.  Moving is cheap, copying is deep.
/// Attributes without a namespace are stored by local name, xml:lang as "xml:lang", any other namespaced
/// attribute as "{namespace}local".
class Element {
  public:
    using Attribute = std::pair<std::string, std::string>;
    using Node = std::variant<Element, std::string>;

    Element() = default;
    explicit Element(std::string_view name, std::string_view ns = {}) : name_{name}, ns_{ns} {}

    const std::string& name() const { return name_; }
    const std::string& ns() const { return ns_; }
    bool is(std::string_view name, std::string_view ns) const { return name_ == name && ns_ == ns; }
    void rename(std::string_view name, std::string_view ns) { name_ = name, ns_ = ns; }

    /// The attribute's value, or an empty view when it is absent.
    std::string_view attribute(std::string_view name) const;
    bool has_attribute(std::string_view name) const;
    const std::vector<Attribute>& attributes() const { return attributes_; }
    Element& set(std::string_view name, std::string_view value);
    /// As set(), for a parser that knows the name to be new.
    void append_attribute(std::string name, std::string_view value) {
        attributes_.emplace_back(std::move(name), std::string{value});
    }
    void remove_attribute(std::string_view name);

    const std::vector<Node>& nodes() const { return nodes_; }
    std::vector<Node>& nodes() { return nodes_; }
    /// First child element with that name (and namespace, unless ns is empty: then any), or nullptr.
    const Element* child(std::string_view name, std::string_view ns = {}) const;
    Element* child(std::string_view name, std::string_view ns = {});
    /// First child element of that namespace, or nullptr.
    const Element* child_in(std::string_view ns) const;
    /// First child element of any name, or nullptr.
    const Element* first_child() const;
    Element* first_child();
    /// Child elements in document order, text passed over. References stay valid until this element changes.
    std::vector<const Element*> children() const;
    std::vector<Element*> children();

    /// Appends an empty child and returns it; an empty ns means this element's own namespace.
    Element& add(std::string_view name, std::string_view ns = {});
    /// Appends a whole child and returns it.
    Element& append(Element child);
    Element& add_text(std::string_view text);
    /// The element's own text, pieces joined (text of descendants is not part of it).
    std::string text() const;
    /// Text of the first such child; empty when there is none.
    std::string child_text(std::string_view name, std::string_view ns = {}) const;
    /// Removes matching child elements and says how many.
    template <class Predicate>
    std::size_t remove_children_if(Predicate matches) {
        return std::erase_if(nodes_, [&](const Node& node) {
            const auto* element = std::get_if<Element>(&node);
            return element && matches(*element);
        });
    }
    void clear_nodes();
    bool empty() const;

    friend bool operator==(const Element&, const Element&);

  private:
    std::string name_;
    std::string ns_;
    std::vector<Attribute> attributes_;
    std::vector<Node> nodes_;
};

}  // namespace carillon::xml
