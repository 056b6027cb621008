#include "signaling/modules/caps/hash_set.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "signaling/auth/base64.h"

namespace carillon::modules {
namespace {

constexpr std::string_view kInfo = "http://jabber.org/protocol/disco#info";
constexpr std::string_view kForm = "jabber:x:data";
constexpr char kGroup = 0x1c;  // characters that XML does not allow: they cannot be part of what they separate
constexpr char kForms = 0x1d;
constexpr char kEntry = 0x1e;
constexpr char kPart = 0x1f;

std::string sorted(std::vector<std::string> parts, char end) {
    std::ranges::sort(parts);
    std::string all;
    for (const auto& part : parts) all += part;
    return all + end;
}

std::optional<std::string> form_text(const xml::Element& form) {
    std::vector<std::string> fields;
    bool typed = false;
    for (const auto* field : form.children()) {
        if (!field->is("field", kForm)) {
            if (field->name() == "reported" || field->name() == "item") return std::nullopt;
            continue;
        }
        typed = typed || (field->attribute("var") == "FORM_TYPE" && field->attribute("type") == "hidden");
        std::vector<std::string> values;
        for (const auto* value : field->children()) {
            if (value->name() == "value") values.push_back(value->text() + kPart);
        }
        std::ranges::sort(values);
        std::string text = std::string{field->attribute("var")} + kPart;
        for (const auto& value : values) text += value;
        fields.push_back(text + kEntry);
    }
    if (!typed) return std::nullopt;  // XEP-0068
    return sorted(std::move(fields), kForms);
}

}  // namespace

std::optional<std::string> caps_hash(const xml::Element& disco_info) {
    std::vector<std::string> features;
    std::vector<std::string> identities;
    std::vector<std::string> forms;
    for (const auto* child : disco_info.children()) {
        if (child->is("feature", kInfo)) {
            features.push_back(std::string{child->attribute("var")} + kPart);
        } else if (child->is("identity", kInfo)) {
            std::string text;
            for (const auto* name : {"category", "type", "xml:lang", "name"}) {
                text += child->attribute(name);
                text += kPart;
            }
            identities.push_back(text + kEntry);
        } else if (child->is("x", kForm)) {
            auto text = form_text(*child);
            if (!text) return std::nullopt;
            forms.push_back(std::move(*text));
        } else {
            return std::nullopt;
        }
    }
    const auto input =
        sorted(std::move(features), kGroup) + sorted(std::move(identities), kGroup) + sorted(std::move(forms), kGroup);
    std::string digest(static_cast<std::size_t>(EVP_MD_get_size(EVP_sha256())), '\0');
    if (EVP_Digest(input.data(), input.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
                   nullptr) != 1)
        return std::nullopt;
    return auth::base64_encode(digest);
}

xml::Element hash_set(std::string_view sha256) {
    xml::Element set{"c", kHashSet};
    set.add("hash", kHashes).set("algo", "sha-256").add_text(sha256);
    return set;
}

std::string hash_node(std::string_view sha256) { return std::string{kHashSet} + "#sha-256." + std::string{sha256}; }

}  // namespace carillon::modules
