#include "media/phone/disco.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "media/phone/namespaces.h"

namespace carillon::phone::disco {
namespace {

constexpr std::string_view kNode = "https://carillon.invalid/phone";
constexpr std::string_view kIdentity = "client/phone//Carillon phone";  // category/type/lang/name

constexpr std::array kFeatures{ns::kDiscoInfo, ns::kCaps,          ns::kVersion, ns::kPing,
                               ns::kJingle,    ns::kJingleMessage, ns::kRtp,     ns::kRtpAudio,
                               ns::kIceUdp,    ns::kRawUdp,        ns::kDtls,    ns::kGrouping};

/// RFC 4790 i;octet order, as the verification string wants.
std::array<std::string_view, kFeatures.size()> sorted_features() {
    auto features = kFeatures;
    std::ranges::sort(features);
    return features;
}

std::string verification_string() {
    std::string text{kIdentity};
    text += '<';
    for (const auto feature : sorted_features()) {
        text += feature;
        text += '<';
    }
    return text;
}

std::string base64_sha1(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
    std::array<unsigned char, 64> encoded{};
    const auto size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
    return {encoded.begin(), encoded.begin() + size};
}

}  // namespace

Element info(const std::string& node) {
    Element query{"query", ns::kDiscoInfo};
    if (!node.empty()) query.set("node", node);
    query.add(Element{"identity"}.set("category", "client").set("type", "phone").set("name", "Carillon phone"));
    for (const auto feature : sorted_features()) query.add(Element{"feature"}.set("var", feature));
    return query;
}

Element caps() {
    return Element{"c", ns::kCaps}
        .set("hash", "sha-1")
        .set("node", kNode)
        .set("ver", base64_sha1(verification_string()));
}

}  // namespace carillon::phone::disco
