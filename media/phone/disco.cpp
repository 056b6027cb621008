#include "media/phone/disco.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "media/phone/namespaces.h"

namespace carillon::phone::disco {
namespace {

constexpr std::string_view kNode = "https://carillon.invalid/phone";
constexpr std::string_view kIdentity = "client/phone//Carillon phone";  // category/type/lang/name

constexpr std::array kFeatures{ns::kDiscoInfo,     ns::kCaps, ns::kVersion,  ns::kPing,    ns::kJingle,
                               ns::kJingleMessage, ns::kRtp,  ns::kRtpAudio, ns::kGrouping};

/// RFC 4790 i;octet order, as the verification string wants.
std::vector<std::string_view> sorted_features(const Media& media) {
    std::vector<std::string_view> features{kFeatures.begin(), kFeatures.end()};
    if (media.ice) features.push_back(ns::kIceUdp);
    if (media.raw) features.push_back(ns::kRawUdp);
    if (media.dtls) features.push_back(ns::kDtls);
    std::ranges::sort(features);
    return features;
}

std::string verification_string(const Media& media) {
    std::string text{kIdentity};
    text += '<';
    for (const auto feature : sorted_features(media)) {
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

Element info(const std::string& node, const Media& media) {
    Element query{"query", ns::kDiscoInfo};
    if (!node.empty()) query.set("node", node);
    query.add(Element{"identity"}.set("category", "client").set("type", "phone").set("name", "Carillon phone"));
    for (const auto feature : sorted_features(media)) query.add(Element{"feature"}.set("var", feature));
    return query;
}

Element caps(const Media& media) {
    return Element{"c", ns::kCaps}
        .set("hash", "sha-1")
        .set("node", kNode)
        .set("ver", base64_sha1(verification_string(media)));
}

}  // namespace carillon::phone::disco
