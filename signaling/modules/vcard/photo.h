/// The picture in a vCard, and the same as an avatar.
/// Spec: XEP-0153 1.1 §3 (hash), XEP-0084 1.1.4 (metadata), XEP-0054 §3 (PHOTO).
#pragma once
#include <optional>
#include <string>

#include "signaling/xml/element.h"

namespace carillon::modules::vcards {

struct Photo {
    std::string type;  ///< media type; maybe empty
    std::string octets;
    std::string hash;  ///< SHA-1, hexadecimal
};

/// Nothing when there is none, or none that can be read.
std::optional<Photo> photo_of(const xml::Element& vcard);
/// In place of what is there; nothing: it has none.
void set_photo(xml::Element& vcard, const std::optional<Photo>& photo);
/// From the payload of an item of urn:xmpp:avatar:data.
std::optional<Photo> photo_of_avatar(const xml::Element& data, std::string type);
xml::Element avatar_data(const Photo& photo);
xml::Element avatar_metadata(const Photo& photo);

/// What a presence says of the picture (XEP-0398 §4): an update without a picture, or none at all, gets `hash`.
void announce_photo(xml::Element& presence, std::string_view hash);

}  // namespace carillon::modules::vcards
