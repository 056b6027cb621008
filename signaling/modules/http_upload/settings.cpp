#include "signaling/modules/http_upload/settings.h"

#include "signaling/modules/service_domain.h"
#include "signaling/modules/settings.h"

namespace carillon::modules::upload {

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

std::string check_pattern(std::string_view text) {
    return text == "*" || text.contains('/') ? "" : "is no media type, such as image/jpeg or image/*";
}

}  // namespace

Settings read_upload_settings(const runtime::ModuleContext& context) {
    using namespace std::chrono_literals;
    Settings s;
    config::Duration period = s.quota_period, keep = s.keep;
    config::Schema schema;
    schema.text("address", s.address, "Domain of the service; empty: upload. before the host's.", check_service_address)
        .size("max_file", s.max_file, 1024, 1024ULL * 1024 * kMiB, "Size of one file.")
        .size("max_profile", s.max_profile, 1024, 1024 * kMiB, "Size of one picture for a profile, kept for ever.")
        .size("quota", s.quota, 0, 1024ULL * 1024 * kMiB, "What one user may upload within quota_period; 0: no bound.")
        .duration("quota_period", period, 1min, 8760h, "The time that the quota is for.")
        .size("space", s.space, 0, 1024ULL * 1024 * kMiB, "What one user's files may take in all; 0: no bound.")
        .integer("slots", s.slots, 1, 10'000, "Files that one user may be about to upload.")
        .duration("keep", keep, 0s, 87600h, "After which a file goes; 0s: never.")
        .texts("types", s.types, R"(["image/*", "audio/*"])", "Media types that are taken. Empty: all.", check_pattern)
        .boolean("permanent", s.permanent, "Files for posts and the like may be kept for ever.")
        .boolean("metadata", s.metadata, "Links to files uploaded here get facts about them (XEP-0446).");
    read_settings(context, schema, "http_upload");
    s.quota_period = std::chrono::duration_cast<std::chrono::milliseconds>(period);
    s.keep = std::chrono::duration_cast<std::chrono::milliseconds>(keep);
    return s;
}

}  // namespace carillon::modules::upload
