#include "signaling/session/caps_verification.h"

#include <openssl/evp.h>

#include <algorithm>
#include <map>
#include <vector>

#include "signaling/auth/base64.h"

namespace carillon::session {
namespace {

constexpr std::string_view kForm = "jabber:x:data";

/// Sorted, or nullopt when two are the same.
std::optional<std::vector<std::string>> unique(std::vector<std::string> all) {
    std::ranges::sort(all);
    if (std::ranges::adjacent_find(all) != all.end()) return std::nullopt;
    return all;
}

/// §5.1 step 7, of one form: FORM_TYPE, then fields by var, their values sorted.
std::optional<std::pair<std::string, std::string>> form_text(const xml::Element& form) {
    std::string type;
    std::map<std::string, std::vector<std::string>> fields;
    for (const auto* field : form.children()) {
        if (!field->is("field", kForm)) continue;
        std::vector<std::string> values;
        for (const auto* value : field->children()) values.push_back(value->text());
        const std::string var{field->attribute("var")};
        if (var == "FORM_TYPE") {
            if (field->attribute("type") != "hidden" || values.empty())
                return std::pair<std::string, std::string>{};  // §5.4: ignore
            if (!std::ranges::all_of(values, [&](const auto& value) { return value == values.front(); }))
                return std::nullopt;
            type = values.front();
        } else {
            fields[var] = std::move(values);
        }
    }
    std::string text = type + '<';
    for (auto& [var, values] : fields) {
        text += var + '<';
        std::ranges::sort(values);
        for (const auto& value : values) text += value + '<';
    }
    return std::pair{type, text};
}

}  // namespace

std::optional<std::string> caps_verification(const xml::Element& disco_info, std::string_view hash) {
    const EVP_MD* digest = hash == "sha-1" ? EVP_sha1() : hash == "sha-256" ? EVP_sha256() : nullptr;
    if (!digest) return std::nullopt;
    std::vector<std::string> identities;
    std::vector<std::string> features;
    std::map<std::string, std::string> forms;
    for (const auto* child : disco_info.children()) {
        const auto text = [&](std::string_view name) { return std::string{child->attribute(name)}; };
        if (child->name() == "identity") {
            identities.push_back(text("category") + '/' + text("type") + '/' + text("xml:lang") + '/' + text("name"));
        } else if (child->name() == "feature") {
            features.push_back(text("var"));
        } else if (child->is("x", kForm)) {
            auto form = form_text(*child);
            if (!form) return std::nullopt;
            if (!form->first.empty() && !forms.emplace(*form).second) return std::nullopt;
        }
    }
    const auto sorted_identities = unique(std::move(identities));
    const auto sorted_features = unique(std::move(features));
    if (!sorted_identities || !sorted_features) return std::nullopt;
    std::string all;
    for (const auto& identity : *sorted_identities) all += identity + '<';
    for (const auto& feature : *sorted_features) all += feature + '<';
    for (const auto& [type, text] : forms) all += text;
    unsigned char octets[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(all.data(), all.size(), octets, &length, digest, nullptr);
    return auth::base64_encode({reinterpret_cast<const char*>(octets), length});
}

}  // namespace carillon::session
