#include "signaling/xmpp/jid.h"

#include <arpa/inet.h>
#include <idn2.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "signaling/xmpp/precis.h"

namespace carillon::xmpp {
namespace {

constexpr std::size_t kMaxPart = 1023;  // RFC 7622 §3.1

using Prepared = std::expected<std::string, JidError>;

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

Prepared checked(std::optional<std::string> prepared, JidError failure) {
    if (!prepared) return std::unexpected{failure};
    if (prepared->empty()) return std::unexpected{JidError::empty_part};
    if (prepared->size() > kMaxPart) return std::unexpected{JidError::too_long};
    return std::move(*prepared);
}

Prepared prepare_node(std::string_view text) {
    constexpr std::string_view kForbidden = "\"&'/:<>@ ";  // RFC 7622 §3.3.1; also what full-width ones become
    std::string prepared{text};
    if (!is_ascii(text)) {
        auto mapped = checked(username_case_mapped(text), JidError::bad_node);
        if (!mapped) return mapped;
        prepared = std::move(*mapped);
    }
    for (auto& c : prepared) {
        if (is_control(c) || kForbidden.contains(c)) return std::unexpected{JidError::bad_node};
        c = lower(c);
    }
    return prepared;
}

/// RFC 7622 §3.2: an IPv6 address in brackets, in the form of RFC 5952; nothing if it is none.
std::optional<std::string> address_literal(const std::string& text) {
    in6_addr address{};
    if (text.size() < 3 || text.front() != '[' || text.back() != ']') return std::nullopt;
    if (inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &address) != 1) return std::nullopt;
    char canonical[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &address, canonical, sizeof canonical);
    return '[' + std::string{canonical} + ']';
}

/// RFC 7622 §3.2.1: U-labels, of whichever form; what cannot be a domain name of IDNA2008 is refused.
Prepared internationalized(std::string_view text) {
    using Text = std::unique_ptr<char, decltype(&std::free)>;
    const std::string given{text};
    char* raw = nullptr;
    const auto to_ascii = idn2_to_ascii_8z(given.c_str(), &raw, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    const Text ascii{raw, &std::free};
    if (to_ascii != IDN2_OK || std::strlen(ascii.get()) > 253) return std::unexpected{JidError::bad_domain};
    raw = nullptr;
    const auto to_unicode = idn2_to_unicode_8z8z(ascii.get(), &raw, 0);
    const Text unicode{raw, &std::free};
    if (to_unicode != IDN2_OK) return std::unexpected{JidError::bad_domain};
    return checked(std::string{unicode.get()}, JidError::bad_domain);
}

/// RFC 1123 labels; the underscore is let through, as hosts in private networks have it.
bool is_host_name(std::string_view name) {
    std::size_t label = 0;
    char before = '.';
    for (const char c : name) {
        if (c == '.') {
            if (label == 0 || before == '-') return false;
            label = 0;
        } else {
            const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
            if (!alphanumeric && c != '_' && !(c == '-' && label > 0) && static_cast<unsigned char>(c) < 0x80)
                return false;
            if (++label > 63 && is_ascii(name)) return false;
        }
        before = c;
    }
    return label > 0 && before != '-';
}

Prepared prepare_domain(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty()) return std::unexpected{JidError::empty_part};
    std::string prepared(text.size(), '\0');
    std::ranges::transform(text, prepared.begin(), lower);
    if (auto literal = address_literal(prepared)) return std::move(*literal);
    if (!is_ascii(text) || prepared.starts_with("xn--") || prepared.contains(".xn--")) {
        auto labels = internationalized(prepared);
        if (!labels) return labels;
        prepared = std::move(*labels);
        if (prepared.ends_with('.')) prepared.pop_back();  // it may have been an ideographic one
    }
    if (!is_host_name(prepared)) return std::unexpected{JidError::bad_domain};
    return prepared;
}

Prepared prepare_resource(std::string_view text) {
    if (!is_ascii(text)) return checked(opaque_string(text), JidError::bad_resource);
    if (std::ranges::any_of(text, is_control)) return std::unexpected{JidError::bad_resource};
    return std::string{text};
}

}  // namespace

std::expected<Jid, JidError> Jid::parse(std::string_view text) {
    if (text.empty()) return std::unexpected{JidError::empty};
    // RFC 7622 §3.2: the first slash ends the domain, then the first at-sign begins it.
    std::string_view resource;
    const auto slash = text.find('/');
    if (slash != std::string_view::npos) {
        resource = text.substr(slash + 1);
        text = text.substr(0, slash);
        if (resource.empty()) return std::unexpected{JidError::empty_part};
    }
    std::string_view node;
    const auto at = text.find('@');
    if (at != std::string_view::npos) {
        node = text.substr(0, at);
        text = text.substr(at + 1);
        if (node.empty()) return std::unexpected{JidError::empty_part};
    }
    return make(node, text, resource);
}

std::expected<Jid, JidError> Jid::make(std::string_view node, std::string_view domain, std::string_view resource) {
    if (domain.empty()) return std::unexpected{JidError::empty_part};
    if (std::max({node.size(), domain.size(), resource.size()}) > kMaxPart) return std::unexpected{JidError::too_long};
    if (node.contains('\0') || domain.contains('\0') || resource.contains('\0'))
        return std::unexpected{JidError::bad_node};
    Jid jid;
    if (!node.empty()) {
        auto prepared = prepare_node(node);
        if (!prepared) return std::unexpected{prepared.error()};
        jid.node_ = static_cast<std::uint16_t>(prepared->size());
        jid.text_ = std::move(*prepared) + '@';
    }
    auto prepared = prepare_domain(domain);
    if (!prepared) return std::unexpected{prepared.error()};
    jid.domain_ = static_cast<std::uint16_t>(prepared->size());
    jid.text_ += *prepared;
    if (!resource.empty()) {
        auto prepared_resource = prepare_resource(resource);
        if (!prepared_resource) return std::unexpected{prepared_resource.error()};
        jid.text_ += '/';
        jid.text_ += *prepared_resource;
    }
    return jid;
}

std::string_view Jid::resource() const {
    if (is_bare()) return {};
    return std::string_view{text_}.substr(domain_at() + domain_ + 1);
}

Jid Jid::bare() const {
    Jid bare{*this};
    bare.text_.resize(domain_at() + domain_);
    return bare;
}

Jid Jid::domain_jid() const {
    Jid only;
    only.text_ = domain();
    only.domain_ = domain_;
    return only;
}

std::expected<Jid, JidError> Jid::with_resource(std::string_view resource) const {
    if (resource.empty()) return std::unexpected{JidError::empty_part};
    if (resource.size() > kMaxPart) return std::unexpected{JidError::too_long};
    if (resource.contains('\0')) return std::unexpected{JidError::bad_resource};
    auto prepared = prepare_resource(resource);
    if (!prepared) return std::unexpected{prepared.error()};
    Jid full = bare();
    full.text_ += '/';
    full.text_ += *prepared;
    return full;
}

bool Jid::same_bare(const Jid& other) const {
    return node_ == other.node_ && domain_ == other.domain_ &&
           std::string_view{text_}.substr(0, domain_at() + domain_) ==
               std::string_view{other.text_}.substr(0, other.domain_at() + other.domain_);
}

}  // namespace carillon::xmpp
