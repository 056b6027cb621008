#include "signaling/modules/vcard/photo.h"

#include <openssl/evp.h>

#include <array>
#include <cctype>

#include "signaling/auth/base64.h"
#include "signaling/modules/vcard/conversion.h"

namespace carillon::modules::vcards {
namespace {

constexpr std::string_view kUpdate = "vcard-temp:x:update";
constexpr std::string_view kData = "urn:xmpp:avatar:data";
constexpr std::string_view kMetadata = "urn:xmpp:avatar:metadata";

std::string sha1_hex(std::string_view octets) {
    std::array<unsigned char, 20> digest{};
    unsigned size = digest.size();
    EVP_Digest(octets.data(), octets.size(), digest.data(), &size, EVP_sha1(), nullptr);
    std::string text;
    for (const auto octet : digest) {
        text += "0123456789abcdef"[octet >> 4];
        text += "0123456789abcdef"[octet & 15];
    }
    return text;
}

std::optional<Photo> decode(std::string text, std::string type) {
    std::erase_if(text, [](unsigned char c) { return std::isspace(c); });
    auto octets = auth::base64_decode(text);
    if (!octets || octets->empty()) return std::nullopt;
    auto hash = sha1_hex(*octets);
    return Photo{std::move(type), std::move(*octets), std::move(hash)};
}

/// What a picture is when nobody says so.
std::string_view type_by_content(std::string_view octets) {
    if (octets.starts_with("\x89PNG")) return "image/png";
    if (octets.starts_with("GIF8")) return "image/gif";
    if (octets.starts_with("RIFF") && octets.substr(8).starts_with("WEBP")) return "image/webp";
    return "image/jpeg";
}

}  // namespace

std::optional<Photo> photo_of(const xml::Element& vcard) {
    const auto* photo = vcard.child("PHOTO");
    return photo ? decode(photo->child_text("BINVAL"), photo->child_text("TYPE")) : std::nullopt;
}

void set_photo(xml::Element& vcard, const std::optional<Photo>& photo) {
    vcard.remove_children_if([](const xml::Element& child) { return child.name() == "PHOTO"; });
    if (!photo) return;
    auto& element = vcard.add("PHOTO", kTemp);
    element.add("TYPE").add_text(photo->type.empty() ? type_by_content(photo->octets) : photo->type);
    element.add("BINVAL").add_text(auth::base64_encode(photo->octets));
}

std::optional<Photo> photo_of_avatar(const xml::Element& data, std::string type) {
    return data.is("data", kData) ? decode(data.text(), std::move(type)) : std::nullopt;
}

xml::Element avatar_data(const Photo& photo) {
    xml::Element data{"data", kData};
    data.add_text(auth::base64_encode(photo.octets));
    return data;
}

xml::Element avatar_metadata(const Photo& photo) {
    xml::Element metadata{"metadata", kMetadata};
    metadata.add("info")
        .set("id", photo.hash)
        .set("type", photo.type.empty() ? type_by_content(photo.octets) : photo.type)
        .set("bytes", std::to_string(photo.octets.size()));
    return metadata;
}

void announce_photo(xml::Element& presence, std::string_view hash) {
    const auto* update = presence.child("x", kUpdate);
    if (const auto* photo = update ? update->child("photo") : nullptr; photo && photo->text().empty()) return;
    presence.remove_children_if([](const xml::Element& child) { return child.is("x", kUpdate); });
    presence.add("x", kUpdate).add("photo").add_text(hash);
}

}  // namespace carillon::modules::vcards
