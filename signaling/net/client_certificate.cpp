#include "signaling/net/client_certificate.h"

#include <openssl/x509v3.h>

#include <string_view>

namespace carillon::net {

namespace {

std::string xmpp_address(const GENERAL_NAME& name) {
    if (name.type != GEN_OTHERNAME || name.d.otherName->value->type != V_ASN1_UTF8STRING) return {};
    char id[64];
    OBJ_obj2txt(id, sizeof id, name.d.otherName->type_id, 1);
    if (std::string_view{id} != "1.3.6.1.5.5.7.8.5") return {};
    const auto* text = name.d.otherName->value->value.utf8string;
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

}  // namespace

std::vector<std::string> xmpp_addresses(x509_st& certificate) {
    std::vector<std::string> addresses;
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        if (auto address = xmpp_address(*sk_GENERAL_NAME_value(names, i)); !address.empty())
            addresses.push_back(std::move(address));
    }
    GENERAL_NAMES_free(names);
    return addresses;
}

}  // namespace carillon::net
