#include "relay/media/announcement.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "codecs/opus/opus_packet.h"
#include "codecs/opus/storage_codec.h"

namespace carillon::relay {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kRate = 48'000;         // of positions
constexpr unsigned kUnit = kRate / 100;    // Opus: 10 ms
constexpr unsigned kOpusRate = 16'000;     // a voice
constexpr std::size_t kLongestUnits = 12;  // of a packet
constexpr std::size_t kTwoOctets = 252;    // RFC 6716 §3.2.1

std::string lower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

/// Of "name/clock".
std::pair<std::string, unsigned> parts_of(const std::string& name) {
    const auto slash = name.find('/');
    unsigned clock = 0;
    if (slash != std::string::npos) std::from_chars(name.data() + slash + 1, name.data() + name.size(), clock);
    return {lower(std::string_view{name}.substr(0, slash)), clock};
}

void encode_opus(codecs::Samples samples, AnnouncementSound::Form& out) {
    codecs::opus::StorageEncoder encoder{{.sample_rate = kOpusRate}};
    std::array<std::int16_t, kOpusRate / 100> frame{};
    std::array<std::byte, 1275> room{};
    for (std::size_t at = 0; at < samples.size(); at += frame.size()) {
        frame = {};
        std::ranges::copy(samples.subspan(at, std::min(frame.size(), samples.size() - at)), frame.begin());
        const auto size = encoder.encode(frame, room);
        if (size == 0) return;
        out.toc = room[0] & std::byte{0xFC};  // all frames are alike: the encoder keeps to CELT at its rate
        out.frames.emplace_back(room.begin() + 1, room.begin() + static_cast<std::ptrdiff_t>(size));
    }
}

/// 20 ms at a time; the codec has no frames of its own.
void encode_octets(codecs::AudioCodec codec, codecs::Samples samples, unsigned rate, std::vector<std::byte>& out) {
    const auto encoder = codecs::make_encoder(codec, {.sample_rate = rate});
    std::vector<std::int16_t> frame(rate / 50);
    std::vector<std::byte> room(2 * frame.size());
    for (std::size_t at = 0; at < samples.size(); at += frame.size()) {
        std::ranges::fill(frame, std::int16_t{0});
        std::ranges::copy(samples.subspan(at, std::min(frame.size(), samples.size() - at)), frame.begin());
        const auto size = encoder->encode(frame, room);
        out.insert(out.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
    }
}

}  // namespace

std::expected<std::shared_ptr<const AnnouncementSound>, std::string> AnnouncementSound::create(
    SoundLibrary& library, const api::Clip& clip, const std::vector<std::string>& names) {
    auto made = std::make_shared<AnnouncementSound>();
    for (const auto& name : names) {
        const auto [codec_name, clock] = parts_of(name);
        const auto codec = codecs::codec_named(codec_name);
        if (!codec || made->form(name)) continue;
        const auto& format = codecs::format_of(*codec);
        const bool l16 = *codec == codecs::AudioCodec::l16;
        if (l16 ? clock % 50 != 0 || clock < 8000 || clock > 48'000 : clock != 0 && clock != format.clock_rate)
            continue;
        const bool opus = *codec == codecs::AudioCodec::opus;
        const unsigned rate = opus ? kOpusRate : l16 ? clock : format.sample_rate;
        const auto recording = library.get(clip, rate);
        if (!recording) return std::unexpected{recording.error()};
        const auto samples = codecs::Samples{**recording};
        if (samples.empty()) return std::unexpected{clip.file + ": there is no sound in it"};
        if (samples.size() / rate > static_cast<std::size_t>(kLongest.count()))
            return std::unexpected{clip.file + ": an announcement has at most 60 seconds"};
        Form form{.name = name, .octets = {}, .frames = {}};
        if (opus) {
            encode_opus(samples, form);
        } else {
            encode_octets(*codec, samples, rate, form.octets);
            form.octets_per_second = l16 ? 2 * std::size_t{rate} : 8000;
        }
        made->length_ = std::max<std::uint64_t>(made->length_, std::uint64_t{samples.size()} * kRate / rate);
        made->forms_.push_back(std::move(form));
    }
    if (made->forms_.empty()) return std::unexpected{std::string{"the call has no codec that the relay speaks"}};
    return made;
}

const AnnouncementSound::Form* AnnouncementSound::form(const std::string& name) const {
    const auto at = std::ranges::find(forms_, name, &Form::name);
    return at == forms_.end() ? nullptr : &*at;
}

Announcement::Announcement(std::shared_ptr<const AnnouncementSound> sound,
                           const std::array<record::PayloadNames, 2>& to, SteadyTime now, Done done)
    : sound_{std::move(sound)}, done_{std::move(done)} {
    for (std::size_t leg = 0; leg < 2; ++leg)
        for (const auto& [type, name] : to[leg]) {
            auto& kind = ways_[leg].kinds[type & 0x7F];
            kind.form = sound_->form(name);
            kind.red = parts_of(name).first == "red";
        }
    // Pauses that an end makes (comfort noise, DTX) make it longer; an end that says nothing at all makes it fail.
    until_ = now + 3 * std::chrono::milliseconds{sound_->length() / (kRate / 1000)} + 5s;
}

bool Announcement::tick(SteadyTime now) {
    const auto heard = [&](const Way& way) { return way.position >= sound_->length(); };
    if (heard(ways_[0]) && heard(ways_[1])) {
        tell({});
        return true;
    }
    if (now < until_) return false;
    tell(heard(ways_[0])   ? "the callee could not be told: nothing came from the caller meanwhile"
         : heard(ways_[1]) ? "the caller could not be told: nothing came from the callee meanwhile"
                           : "neither side could be told: no sound passes");
    return true;
}

void Announcement::tell(std::string fault) {
    if (done_) std::exchange(done_, {})(std::move(fault));
}

std::size_t Announcement::replace(std::size_t leg, std::span<std::byte> buffer, std::size_t size) noexcept {
    auto& way = ways_[leg];
    if (way.position >= sound_->length()) return size;
    const auto header = rtp::Header::parse(buffer.first(size));
    if (!header || header->size >= size) return size;
    auto kind = way.kinds[header->payload_type];
    auto payload = record::payload_of(*header, buffer.first(size));
    std::size_t at = header->size;
    if (kind.red) {  // one block, the primary
        const auto primary = record::primary_of(payload);
        if (!primary) return size;
        kind = way.kinds[primary->first & 0x7F];
        payload = primary->second;
        buffer[at++] = static_cast<std::byte>(primary->first & 0x7F);
    }
    if (!kind.form || payload.empty()) return size;
    const auto put_in = put(*kind.form, way, buffer.subspan(at), payload);
    if (put_in == 0) return size;
    buffer[0] &= ~std::byte{0x20};  // there is no padding any more
    return at + put_in;
}

/// As long as the payload that it replaces; the answer is 0 when there is no room.
std::size_t Announcement::put(const Form& form, Way& way, std::span<std::byte> room, Bytes payload) const noexcept {
    if (form.octets_per_second == 0) {
        const auto info = codecs::opus::PacketInfo::parse(payload);
        return info ? put_opus(form, way, room, info->samples) : 0;
    }
    const auto count = payload.size();
    const auto begin = std::min<std::size_t>(way.position * form.octets_per_second / kRate, form.octets.size());
    const auto piece = Bytes{form.octets}.subspan(begin, std::min(count, form.octets.size() - begin));
    if (piece.empty() || count > room.size()) return 0;
    const auto end = std::ranges::copy(piece, room.begin()).out;
    std::fill(end, room.begin() + static_cast<std::ptrdiff_t>(count), piece.back());
    way.position += count * kRate / form.octets_per_second;
    return count;
}

/// RFC 6716 §3.2.5: code 3, frames of their own length.
std::size_t Announcement::put_opus(const Form& form, Way& way, std::span<std::byte> room,
                                   unsigned samples) const noexcept {
    const auto first = static_cast<std::size_t>(way.position / kUnit);
    const auto count = std::min<std::size_t>(samples / kUnit, kLongestUnits);
    if (count == 0 || first >= form.frames.size()) return 0;
    // Behind the last frame come empty ones, which the decoder fades out in.
    const auto frame = [&](std::size_t i) {
        return first + i < form.frames.size() ? Bytes{form.frames[first + i]} : Bytes{};
    };
    std::size_t size = 2;
    for (std::size_t i = 0; i < count; ++i) size += frame(i).size() + 2;
    if (size > room.size()) return 0;
    std::size_t at = 0;
    room[at++] = form.toc | std::byte{3};
    room[at++] = static_cast<std::byte>(0x80 | count);
    for (std::size_t i = 0; i + 1 < count; ++i) {
        const auto length = frame(i).size();
        if (length < kTwoOctets) {
            room[at++] = static_cast<std::byte>(length);
        } else {
            room[at++] = static_cast<std::byte>(kTwoOctets + length % 4);
            room[at++] = static_cast<std::byte>((length - kTwoOctets - length % 4) / 4);
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        std::ranges::copy(frame(i), room.begin() + static_cast<std::ptrdiff_t>(at));
        at += frame(i).size();
    }
    way.position += samples;
    return at;
}

}  // namespace carillon::relay
