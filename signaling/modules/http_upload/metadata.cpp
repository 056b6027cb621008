#include "signaling/modules/http_upload/metadata.h"

#include "signaling/files/address.h"
#include "signaling/files/media_type.h"
#include "signaling/files/sharing.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::upload {
namespace {

constexpr std::string_view kThumbs = "urn:xmpp:thumbs:1";

void add_thumbnail(xml::Element& file, const storage::Upload& upload, const std::string& url) {
    if (upload.thumbnail.width == 0 || file.child("thumbnail", kThumbs)) return;
    file.add("thumbnail", kThumbs)
        .set("uri", url + '?' + std::string{files::kThumbnailQuery})
        .set("media-type", "image/jpeg")
        .set("width", std::to_string(upload.thumbnail.width))
        .set("height", std::to_string(upload.thumbnail.height));
}

xml::Element file_element(const storage::Upload& upload, const std::string& url) {
    xml::Element file{"file", files::kMetadata};
    file.add("media-type").add_text(upload.type);
    file.add("name").add_text(upload.name);
    file.add("size").add_text(std::to_string(upload.size));
    files::add_hash(file, upload.hash);
    if (upload.image.width > 0) {
        file.add("width").add_text(std::to_string(upload.image.width));
        file.add("height").add_text(std::to_string(upload.image.height));
    }
    add_thumbnail(file, upload, url);
    return file;
}

}  // namespace

void add_metadata(xmpp::Stanza& message, const files::Uploads& uploads, std::string_view base) {
    if (!message.is_message() || message.is_error()) return;
    auto& element = message.element();
    const auto* link = element.child("x", files::kOob);
    if (!link) return;
    const auto url = link->child_text("url", files::kOob);
    if (!url.starts_with(base)) return;
    const auto upload = uploads.recent(std::string_view{url}.substr(base.size()));
    if (!upload || upload->owner != message.from().bare().str()) return;
    if (auto* said = element.child("file-sharing", files::kSharing)) {  // the client knows all but what the server made
        if (auto* file = said->child("file", files::kMetadata)) add_thumbnail(*file, *upload, url);
        return;
    }
    auto& sharing = element.add("file-sharing", files::kSharing);
    sharing.set("disposition", files::may_be_inline(upload->type) ? "inline" : "attachment");
    sharing.append(file_element(*upload, url));
    files::add_source(sharing, url);
}

}  // namespace carillon::modules::upload
