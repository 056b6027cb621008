#include "relay/control/sound_shelf.h"

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "relay/api/sound_digest.h"

namespace carillon::relay {
namespace {

constexpr std::size_t kName = 64;  // hexadecimal digits

bool is_name(const std::string& name) {
    return name.size() == kName &&
           std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

SoundShelf::~SoundShelf() {
    std::error_code error;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
}

SoundShelf::Entry* SoundShelf::find(const std::string& name) {
    const auto at = std::ranges::find(entries_, name, &Entry::name);
    if (at == entries_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, at);
    return &entries_.front();
}

void SoundShelf::drop(std::list<Entry>::iterator entry) {
    std::error_code error;
    if (entry->whole) std::filesystem::remove(folder_ / entry->name, error);
    entries_.erase(entry);
}

bool SoundShelf::make_room(std::uint64_t size) {
    const auto used = [this] {
        std::uint64_t sum = 0;
        for (const auto& entry : entries_) sum += entry.size;
        return sum;
    };
    while (!entries_.empty() && used() + size > kRoom) drop(std::prev(entries_.end()));
    return used() + size <= kRoom;
}

std::expected<std::uint64_t, std::string> SoundShelf::put(const std::string& name, std::uint64_t size,
                                                          std::uint64_t offset, const std::string& octets) {
    if (!is_name(name)) return std::unexpected{std::string{"a sound's name is its SHA-256, in hexadecimal digits"}};
    if (size == 0 || size > kLargest) return std::unexpected{std::string{"a sound has at most 16 MiB"}};
    auto* entry = find(name);
    if (!entry) {
        if (!make_room(size)) return std::unexpected{std::string{"there is no room for it"}};
        entries_.push_front({.name = name, .size = size, .octets = {}});
        entry = &entries_.front();
    }
    if (entry->size != size) return std::unexpected{std::string{"the sound has another size"}};
    if (entry->whole) return size;
    const auto have = entry->octets.size();
    if (offset > have) return have;
    if (offset + octets.size() > size) return std::unexpected{std::string{"that is more than the sound has"}};
    if (offset + octets.size() > have) entry->octets += octets.substr(have - offset);
    if (entry->octets.size() < size) return entry->octets.size();
    if (auto done = finish(*entry); !done) {
        drop(entries_.begin());
        return std::unexpected{done.error()};
    }
    return size;
}

std::expected<void, std::string> SoundShelf::finish(Entry& entry) {
    if (api::sound_digest(entry.octets) != entry.name)
        return std::unexpected{std::string{"the sound is not what its name says"}};
    if (folder_.empty()) {
        std::error_code error;
        auto pattern = (std::filesystem::temp_directory_path(error) / "carillon-sounds-XXXXXX").string();
        if (error || !::mkdtemp(pattern.data())) return std::unexpected{std::string{"there is no folder for sounds"}};
        folder_ = pattern;
    }
    std::ofstream file{folder_ / entry.name, std::ios::binary};
    file.write(entry.octets.data(), static_cast<std::streamsize>(entry.octets.size()));
    file.close();
    if (!file) return std::unexpected{std::string{"the sound cannot be written"}};
    entry.whole = true;
    std::string{}.swap(entry.octets);
    return {};
}

std::expected<void, std::string> SoundShelf::resolve(api::Source& source) {
    for (auto& clip : source.clips) {
        if (clip.sound.empty()) continue;
        const auto* entry = find(clip.sound);
        if (!entry || !entry->whole) return std::unexpected{std::string{"the sound is not here (any more)"}};
        clip.file = (folder_ / entry->name).string();
    }
    return {};
}

std::expected<void, std::string> SoundShelf::resolve(api::Program& program) {
    if (auto done = resolve(program.source); !done) return done;
    for (auto& instead : program.instead)
        if (instead)
            if (auto done = resolve(*instead); !done) return done;
    return {};
}

}  // namespace carillon::relay
