#include "signaling/net/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <string>

#include "signaling/xmpp/ascii_domain.h"

namespace carillon::net {

namespace {

std::string_view text_of(const ASN1_STRING& text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&text)),
            static_cast<std::size_t>(ASN1_STRING_length(&text))};
}

bool has_id(const GENERAL_NAME& name, std::string_view wanted) {
    char id[64];
    OBJ_obj2txt(id, sizeof id, name.d.otherName->type_id, 1);
    return wanted == id;
}

/// Without regard to case in ASCII; a text with an octet 0 in it is never the same.
bool same_domain(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_xmpp_address(const GENERAL_NAME& name, std::string_view domain) {
    if (name.type != GEN_OTHERNAME || !has_id(name, "1.3.6.1.5.5.7.8.5") ||
        name.d.otherName->value->type != V_ASN1_UTF8STRING)
        return false;
    return same_domain(text_of(*name.d.otherName->value->value.utf8string), domain);
}

/// RFC 4985: "_xmpp-server.example.org".
bool is_service_name(const GENERAL_NAME& name, std::string_view domain) {
    if (name.type != GEN_OTHERNAME || !has_id(name, "1.3.6.1.5.5.7.8.7")) return false;
    if (name.d.otherName->value->type != V_ASN1_IA5STRING) return false;
    auto text = text_of(*name.d.otherName->value->value.ia5string);
    static constexpr std::string_view kService = "_xmpp-server.";
    if (text.size() <= kService.size() || !same_domain(text.substr(0, kService.size()), kService)) return false;
    return same_domain(text.substr(kService.size()), domain);
}

}  // namespace

bool certificate_names(x509_st& certificate, std::string_view domain) {
    if (domain.empty()) return false;
    const auto ascii = xmpp::ascii_domain(domain);
    if (X509_check_host(&certificate, ascii.data(), ascii.size(),
                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1) {
        return true;
    }
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; ++i) {
        const auto& name = *sk_GENERAL_NAME_value(names, i);
        found = is_xmpp_address(name, domain) || is_service_name(name, ascii);
    }
    GENERAL_NAMES_free(names);
    return found;
}

}  // namespace carillon::net
