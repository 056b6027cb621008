#include "signaling/modules/http_upload/metadata.h"

#include "signaling/auth/base64.h"
#include "signaling/files/media_type.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules::upload {
namespace {

constexpr std::string_view kSharing = "urn:xmpp:sfs:0";
constexpr std::string_view kFile = "urn:xmpp:file:metadata:0";
constexpr std::string_view kHashes = "urn:xmpp:hashes:2";
constexpr std::string_view kUrlData = "http://jabber.org/protocol/url-data";
constexpr std::string_view kOob = "jabber:x:oob";

std::string octets_of(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
    return out;
}

xml::Element file_element(const storage::Upload& upload) {
    xml::Element file{"file", kFile};
    file.add("media-type").add_text(upload.type);
    file.add("name").add_text(upload.name);
    file.add("size").add_text(std::to_string(upload.size));
    file.add("hash", kHashes).set("algo", "sha-256").add_text(auth::base64_encode(octets_of(upload.hash)));
    return file;
}

}  // namespace

void add_metadata(xmpp::Stanza& message, const files::Uploads& uploads, std::string_view base) {
    if (!message.is_message() || message.is_error()) return;
    auto& element = message.element();
    const auto* link = element.child("x", kOob);
    if (!link || element.child("file-sharing", kSharing)) return;
    const auto url = link->child_text("url", kOob);
    if (!url.starts_with(base)) return;
    const auto upload = uploads.recent(std::string_view{url}.substr(base.size()));
    if (!upload || upload->owner != message.from().bare().str()) return;
    auto& sharing = element.add("file-sharing", kSharing);
    sharing.set("disposition", files::may_be_inline(upload->type) ? "inline" : "attachment");
    sharing.append(file_element(*upload));
    sharing.add("sources").add("url-data", kUrlData).set("target", url);
}

}  // namespace carillon::modules::upload
