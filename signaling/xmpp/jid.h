/// An XMPP address, prepared and compared as the specifications say.
/// Spec: RFC 7622 (and RFC 6122 profiles through libidn: nodeprep, nameprep, resourceprep).
#pragma once
#include <compare>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace carillon::xmpp {

enum class JidError { empty, empty_part, too_long, bad_node, bad_domain, bad_resource };

/// Threading: an immutable value.  Each part is at most 1023 octets; a default-made Jid is empty().
class Jid {
  public:
    Jid() = default;
    /// Prepares and checks text; a trailing dot of the domain is dropped.
    static std::expected<Jid, JidError> parse(std::string_view text);
    /// From separate parts, each prepared; node and resource may be empty.
    static std::expected<Jid, JidError> make(std::string_view node, std::string_view domain,
                                             std::string_view resource = {});

    std::string_view node() const { return std::string_view{text_}.substr(0, node_); }
    std::string_view domain() const { return std::string_view{text_}.substr(domain_at(), domain_); }
    std::string_view resource() const;
    const std::string& str() const { return text_; }

    bool empty() const { return text_.empty(); }
    bool is_bare() const { return domain_at() + domain_ == text_.size(); }
    bool is_full() const { return !is_bare(); }
    bool is_domain() const { return node_ == 0 && is_bare(); }
    Jid bare() const;
    Jid domain_jid() const;
    /// This bare JID with another resource, prepared.
    std::expected<Jid, JidError> with_resource(std::string_view resource) const;
    bool same_bare(const Jid& other) const;

    friend bool operator==(const Jid& a, const Jid& b) { return a.text_ == b.text_; }
    friend std::strong_ordering operator<=>(const Jid& a, const Jid& b) { return a.text_ <=> b.text_; }

  private:
    std::size_t domain_at() const { return node_ == 0 ? 0 : node_ + 1u; }

    std::string text_;
    std::uint16_t node_ = 0;    // octets of the node
    std::uint16_t domain_ = 0;  // octets of the domain
};

}  // namespace carillon::xmpp

template <>
struct std::hash<carillon::xmpp::Jid> {
    std::size_t operator()(const carillon::xmpp::Jid& jid) const noexcept {
        return std::hash<std::string>{}(jid.str());
    }
};
