#include "signaling/xmpp/jid.h"

#include <arpa/inet.h>
#include <idna.h>
#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

namespace carillon::xmpp {
namespace {

constexpr std::size_t kMaxPart = 1023;  // RFC 7622 §3.1

using Prepared = std::expected<std::string, JidError>;

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

Prepared with_profile(std::string_view text, const Stringprep_profile* profile, JidError failure) {
    // Preparation may lengthen the text (normalisation form KC): room for that, then the limit.
    std::vector<char> buffer(std::max<std::size_t>(text.size() * 4 + 64, kMaxPart + 1));
    std::ranges::copy(text, buffer.begin());
    if (stringprep(buffer.data(), buffer.size(), static_cast<Stringprep_profile_flags>(0), profile) != STRINGPREP_OK) {
        return std::unexpected{failure};
    }
    std::string prepared{buffer.data()};
    if (prepared.empty()) return std::unexpected{JidError::empty_part};
    if (prepared.size() > kMaxPart) return std::unexpected{JidError::too_long};
    return prepared;
}

Prepared prepare_node(std::string_view text) {
    constexpr std::string_view kForbidden = "\"&'/:<>@ ";  // RFC 7622 §3.3.1, RFC 6122 appendix A.5
    if (!is_ascii(text)) return with_profile(text, stringprep_xmpp_nodeprep, JidError::bad_node);
    std::string prepared{text};
    for (auto& c : prepared) {
        if (is_control(c) || kForbidden.contains(c)) return std::unexpected{JidError::bad_node};
        c = lower(c);
    }
    return prepared;
}

bool is_address_literal(const std::string& text) {
    in6_addr address{};
    return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
           inet_pton(AF_INET6, text.substr(1, text.size() - 2).c_str(), &address) == 1;
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
    std::string prepared;
    if (is_ascii(text)) {
        prepared.resize(text.size());
        std::ranges::transform(text, prepared.begin(), lower);
        if (is_address_literal(prepared)) return prepared;
    } else {
        auto mapped = with_profile(text, stringprep_nameprep, JidError::bad_domain);
        if (!mapped) return mapped;
        char* ascii = nullptr;  // RFC 7622 §3.2.1: what cannot be a domain name is refused; the U-label form is kept
        const int status = idna_to_ascii_8z(mapped->c_str(), &ascii, IDNA_USE_STD3_ASCII_RULES);
        const std::unique_ptr<char, decltype(&std::free)> owner{ascii, &std::free};
        if (status != IDNA_SUCCESS) return std::unexpected{JidError::bad_domain};
        prepared = std::move(*mapped);
    }
    if (!is_host_name(prepared)) return std::unexpected{JidError::bad_domain};
    return prepared;
}

Prepared prepare_resource(std::string_view text) {
    if (!is_ascii(text)) return with_profile(text, stringprep_xmpp_resourceprep, JidError::bad_resource);
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
