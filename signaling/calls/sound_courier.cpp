#include "signaling/calls/sound_courier.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "relay/api/sound_digest.h"

namespace carillon::calls {
namespace {

namespace api = relay::api;

constexpr std::size_t kPiece = 32u << 10;  // a request has 64 KiB

std::vector<api::Clip*> files_of(api::Program& program) {
    std::vector<api::Clip*> out;
    const auto add = [&](api::Source& source) {
        for (auto& clip : source.clips)
            if (!clip.file.empty()) out.push_back(&clip);
    };
    add(program.source);
    for (auto& instead : program.instead)
        if (instead) add(*instead);
    return out;
}

}  // namespace

struct SoundCourier::Errand {
    std::weak_ptr<api::Client> to;
    Known known;
    api::Program program;
    std::vector<SoundPtr> missing;
    std::uint64_t offset = 0;  // of the last of them
    Done done;
};

std::expected<SoundCourier::SoundPtr, std::string> SoundCourier::read(const std::string& file) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (error) return std::unexpected{file + ": " + error.message()};
    if (size == 0 || size > kLargest) return std::unexpected{file + ": a sound for another machine has at most 16 MiB"};
    const auto changed = std::filesystem::last_write_time(file, error);
    const auto at =
        std::ranges::find_if(sounds_, [&](const auto& each) { return each->file == file && each->changed == changed; });
    if (at != sounds_.end()) {
        sounds_.splice(sounds_.begin(), sounds_, at);
        return sounds_.front();
    }
    std::ifstream in{file, std::ios::binary};
    std::string octets(static_cast<std::size_t>(size), '\0');
    if (!in.read(octets.data(), static_cast<std::streamsize>(size))) return std::unexpected{file + ": cannot be read"};
    auto name = api::sound_digest(octets);
    sounds_.push_front(std::make_shared<const Sound>(Sound{file, changed, std::move(name), std::move(octets)}));
    std::size_t kept = 0;
    const auto last = std::find_if(std::next(sounds_.begin()), sounds_.end(),
                                   [&](const auto& each) { return (kept += each->octets.size()) > kKept; });
    auto made = sounds_.front();
    sounds_.erase(last, sounds_.end());
    return made;
}

void SoundCourier::deliver(const std::weak_ptr<api::Client>& to, const Known& known, api::Program program,
                           const Done& done) {
    auto errand = std::make_shared<Errand>();
    errand->to = to;
    errand->known = known;
    errand->program = std::move(program);
    errand->done = done;
    for (auto* clip : files_of(errand->program)) {
        auto sound = read(clip->file);
        if (!sound) return done(std::unexpected{api::Error{api::Failure::bad_request, sound.error()}});
        clip->file.clear();
        clip->sound = (*sound)->name;
        if (!known->contains(clip->sound)) errand->missing.push_back(std::move(*sound));
    }
    send(errand);
}

/// One piece after the other; the worker says how much of the sound it has.
void SoundCourier::send(const std::shared_ptr<Errand>& errand) {
    if (errand->missing.empty()) return errand->done(std::move(errand->program));
    const auto client = errand->to.lock();
    if (!client)
        return errand->done(std::unexpected{api::Error{api::Failure::disconnected, "the relay worker is gone"}});
    const auto& sound = *errand->missing.back();
    const auto piece = sound.octets.substr(errand->offset, kPiece);
    client->put_sound(sound.name, sound.octets.size(), errand->offset, piece, [errand](const auto& has) {
        if (!has) return errand->done(std::unexpected{has.error()});
        const auto& sent = *errand->missing.back();
        if (*has >= sent.octets.size()) {
            errand->known->insert(sent.name);
            errand->missing.pop_back();
            errand->offset = 0;
        } else if (*has <= errand->offset) {
            return errand->done(
                std::unexpected{api::Error{api::Failure::conflict, "the worker does not take a sound"}});
        } else {
            errand->offset = *has;
        }
        send(errand);
    });
}

}  // namespace carillon::calls
