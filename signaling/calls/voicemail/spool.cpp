#include "signaling/calls/voicemail/spool.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "config/base/log.h"
#include "signaling/calls/random_id.h"

namespace carillon::calls {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::string_view kRecording = ".opus";
constexpr std::string_view kNote = ".json";
constexpr std::size_t kMostNote = 16 * 1024;
constexpr unsigned kLastPage = 0x04;

std::string to_note(const SpooledRecording& recording) {
    const auto at = std::chrono::duration_cast<milliseconds>(recording.at.time_since_epoch()).count();
    return json::serialize(
        json::object{{"owner", recording.owner.str()}, {"caller", recording.caller.str()}, {"at", at}});
}

std::optional<SpooledRecording> parse_note(std::string_view text, std::string id) {
    boost::system::error_code error;
    const auto parsed = json::parse(text, error);
    if (error || !parsed.is_object()) return std::nullopt;
    const auto& object = parsed.as_object();
    const auto* owner = object.if_contains("owner");
    const auto* caller = object.if_contains("caller");
    const auto* at = object.if_contains("at");
    if (!owner || !owner->is_string() || !caller || !caller->is_string() || !at || !at->is_int64()) return std::nullopt;
    const auto to = xmpp::Jid::parse(std::string_view{owner->as_string()});
    const auto from = xmpp::Jid::parse(std::string_view{caller->as_string()});
    if (!to || !from) return std::nullopt;
    return SpooledRecording{.id = std::move(id),
                            .owner = *to,
                            .caller = *from,
                            .at = WallTime{milliseconds{at->as_int64()}},
                            .complete = false};
}

/// FNV-1a: a file name for whatever a JID may hold.
std::string mark_of(const xmpp::Jid& owner) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto bare = owner.bare();
    for (const unsigned char octet : bare.str()) hash = (hash ^ octet) * 0x100000001b3;
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

std::string contents(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    std::string text(kMostNote, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    return text;
}

std::uint64_t little_endian(const unsigned char* at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | at[i];
    return value;
}

}  // namespace

fs::path VoicemailSpool::file(std::string_view id) const {
    return folder_ / (std::string{id} + std::string{kRecording});
}
fs::path VoicemailSpool::note(std::string_view id) const { return folder_ / (std::string{id} + std::string{kNote}); }

fs::path VoicemailSpool::new_greeting(const xmpp::Jid& owner) const {
    make_folder();
    return folder_ / "greetings" / (mark_of(owner) + '-' + random_id() + std::string{kRecording});
}

void VoicemailSpool::remove_greetings(const xmpp::Jid& owner, const fs::path& except) const {
    std::error_code error;
    const auto mark = mark_of(owner) + '-';
    for (const auto& entry : fs::directory_iterator{folder_ / "greetings", error})
        if (entry.path() != except && entry.path().filename().string().starts_with(mark))
            fs::remove(entry.path(), error);
}

bool VoicemailSpool::make_folder() const {
    std::error_code error;
    fs::create_directories(folder_ / "greetings", error);
    if (!error) fs::permissions(folder_, fs::perms::owner_all, error);
    if (error) log::error("voicemail has no folder", {{"folder", folder_.string()}, {"error", error.message()}});
    return !error;
}

bool VoicemailSpool::begin(const SpooledRecording& recording) {
    if (!make_folder()) return false;
    std::ofstream out{note(recording.id), std::ios::binary | std::ios::trunc};
    out << to_note(recording);
    out.close();
    if (!out) return false;
    const std::lock_guard lock{mutex_};
    claimed_.insert(recording.id);
    return true;
}

void VoicemailSpool::release(const std::string& id) {
    const std::lock_guard lock{mutex_};
    claimed_.erase(id);
}

void VoicemailSpool::remove(const std::string& id) {
    std::error_code ignored;
    fs::remove(file(id), ignored);
    fs::remove(note(id), ignored);
    release(id);
}

std::vector<SpooledRecording> VoicemailSpool::claim_left(std::string_view domain, std::chrono::seconds still) {
    std::vector<SpooledRecording> left;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{folder_, error}) {
        if (entry.path().extension() != kNote) continue;
        auto recording = parse_note(contents(entry.path()), entry.path().stem().string());
        if (!recording || recording->owner.domain() != domain) continue;
        const auto age = [&](const fs::path& path) {
            std::error_code missing;
            const auto written = fs::last_write_time(path, missing);
            return missing ? fs::file_time_type::duration::max() : fs::file_time_type::clock::now() - written;
        };
        if (age(file(recording->id)) < still || age(entry.path()) < still) continue;
        const std::lock_guard lock{mutex_};
        if (!claimed_.insert(recording->id).second) continue;
        left.push_back(std::move(*recording));
    }
    return left;
}

std::optional<OggLength> ogg_length(const fs::path& path) {
    constexpr std::size_t kHead = 27;
    std::ifstream in{path, std::ios::binary};
    std::array<unsigned char, kHead + 255> page{};
    std::uint64_t granule = 0, pre_skip = 0;
    bool complete = false;
    unsigned pages = 0;
    for (; in.read(reinterpret_cast<char*>(page.data()), kHead); ++pages) {
        if (std::memcmp(page.data(), "OggS", 4) != 0) break;
        const std::size_t segments = page[26];
        if (!in.read(reinterpret_cast<char*>(page.data() + kHead), static_cast<std::streamsize>(segments))) break;
        std::size_t body = 0;
        for (std::size_t i = 0; i < segments; ++i) body += page[kHead + i];
        std::string octets(body, '\0');
        if (!in.read(octets.data(), static_cast<std::streamsize>(body))) break;
        if (pages == 0) {
            if (!octets.starts_with("OpusHead") || octets.size() < 12) return std::nullopt;
            pre_skip = little_endian(reinterpret_cast<const unsigned char*>(octets.data()) + 10, 2);
        }
        const auto at = little_endian(page.data() + 6, 8);
        if (at != UINT64_MAX) granule = std::max(granule, at);
        complete = (page[5] & kLastPage) != 0;
    }
    if (pages == 0) return std::nullopt;
    return OggLength{milliseconds{granule > pre_skip ? (granule - pre_skip) / 48 : 0}, complete};
}

}  // namespace carillon::calls
