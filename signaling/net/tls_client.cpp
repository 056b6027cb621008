#include "signaling/net/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string>

#include "signaling/net/tls_context.h"

namespace carillon::net {

namespace {

bool is_xmpp_address(const GENERAL_NAME& name, std::string_view domain) {
    if (name.type != GEN_OTHERNAME) return false;
    char id[64];
    OBJ_obj2txt(id, sizeof id, name.d.otherName->type_id, 1);
    if (std::string_view{id} != "1.3.6.1.5.5.7.8.5" || name.d.otherName->value->type != V_ASN1_UTF8STRING) return false;
    const auto* text = name.d.otherName->value->value.utf8string;
    return std::string_view{reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                            static_cast<std::size_t>(ASN1_STRING_length(text))} == domain;
}

}  // namespace

bool certificate_names(x509_st& certificate, std::string_view domain) {
    if (domain.empty()) return false;
    if (X509_check_host(&certificate, domain.data(), domain.size(),
                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1) {
        return true;
    }
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; ++i) {
        found = is_xmpp_address(*sk_GENERAL_NAME_value(names, i), domain);
    }
    GENERAL_NAMES_free(names);
    return found;
}

}  // namespace carillon::net
