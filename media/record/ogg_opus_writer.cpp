#include "media/record/ogg_opus_writer.h"

#include <random>

#include "codecs/opus/opus_packet.h"
#include "media/record/little_endian.h"
#include "media/record/ogg_tail.h"

namespace carillon::record {
namespace {

namespace opus = codecs::opus;

constexpr std::string_view kVendor = "Carillon";

void put(std::vector<std::byte>& out, std::string_view text) {
    const auto octets = as_bytes(text);
    out.insert(out.end(), octets.begin(), octets.end());
}

void put_string(std::vector<std::byte>& out, std::string_view text) {
    put_le(out, static_cast<std::uint32_t>(text.size()));
    put(out, text);
}

/// §5.1: version 1, channel mapping family 0, no gain.
std::vector<std::byte> opus_head(const OggOpusOptions& options) {
    std::vector<std::byte> out;
    put(out, "OpusHead");
    out.push_back(std::byte{1});
    out.push_back(static_cast<std::byte>(options.channels));
    put_le(out, static_cast<std::uint16_t>(options.pre_skip));
    put_le(out, static_cast<std::uint32_t>(options.input_rate));
    put_le(out, std::uint16_t{0});
    out.push_back(std::byte{0});
    return out;
}

std::vector<std::byte> opus_tags(const OggOpusOptions& options) {
    std::vector<std::byte> out;
    put(out, "OpusTags");
    put_string(out, kVendor);
    put_le(out, static_cast<std::uint32_t>(options.comments.size()));
    for (const auto& [name, value] : options.comments) put_string(out, name + "=" + value);
    return out;
}

}  // namespace

std::expected<OggOpusWriter, std::string> OggOpusWriter::create(const std::string& path,
                                                                const OggOpusOptions& options) {
    auto file = AppendFile::create(path, options.most_octets);
    if (!file) return std::unexpected{file.error()};
    OggOpusWriter writer{std::move(*file), options.serial != 0 ? options.serial : std::random_device{}()};
    if (!writer.write_heads(options)) return std::unexpected{writer.error()};
    return writer;
}

std::expected<OggOpusWriter, std::string> OggOpusWriter::resume(const std::string& path, std::uint64_t most_octets) {
    auto file = AppendFile::reopen(path, most_octets);
    if (!file) return std::unexpected{file.error()};
    const auto tail = find_tail(*file);
    if (!tail || tail->sequence == 0) return std::unexpected{path + ": it is no recording that can go on"};
    // A page with nothing but the mark of the last one makes room for more.
    const bool ready =
        tail->empty ? file->cut(tail->page) : file->cut(tail->end) && (!tail->closed || reopen_stream(*file, *tail));
    if (!ready) return std::unexpected{path + ": it cannot be written to"};
    OggOpusWriter writer{std::move(*file), tail->serial};
    writer.sequence_ = tail->empty ? tail->sequence : tail->sequence + 1;
    writer.samples_ = writer.written_ = tail->granule;
    return writer;
}

bool OggOpusWriter::write_heads(const OggOpusOptions& options) {
    page_.add(opus_head(options));
    if (!write_page(OggPage::kFirst, 0)) return false;
    const auto tags = opus_tags(options);
    if (!page_.has_room_for(tags.size())) return false;
    page_.add(tags);
    return write_page(OggPage::kNone, 0);
}

bool OggOpusWriter::write(Bytes packet) {
    const auto info = opus::PacketInfo::parse(packet);
    if (!info || closed_) return false;
    toc_ = info->toc;
    const auto position = samples_;
    if (!add(packet, info->samples)) return false;
    if (also_) also_(packet, position, info->samples);
    return true;
}

bool OggOpusWriter::skip(std::uint64_t samples) {
    owed_ += samples;
    for (const auto& packet : opus::filling(toc_, owed_)) {
        const auto info = opus::PacketInfo::parse(packet);
        if (!info || !add(packet, info->samples)) return false;
        owed_ -= info->samples;
    }
    return !closed_ && error().empty();
}

bool OggOpusWriter::add(Bytes packet, unsigned samples) {
    if (closed_ || !error().empty()) return false;
    // §3: a page ends with a whole packet, so its granule position is that of the packet's end.
    const bool full = !page_.has_room_for(packet.size()) || samples_ + samples - written_ > kPageSamples;
    if (full && !page_.empty() && !flush()) return false;
    page_.add(packet);
    samples_ += samples;
    return true;
}

bool OggOpusWriter::flush() { return page_.empty() ? error().empty() : write_page(OggPage::kNone, samples_); }

bool OggOpusWriter::close() {
    if (std::exchange(closed_, true)) return error().empty();
    const bool done = error().empty() && write_page(OggPage::kLast, samples_);
    file_.close();
    return done;
}

bool OggOpusWriter::write_page(std::uint8_t flags, std::uint64_t granule) {
    if (!file_.append(page_.finish(flags, granule, serial_, sequence_))) return false;
    ++sequence_;
    written_ = granule;
    return true;
}

}  // namespace carillon::record
