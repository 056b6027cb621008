#include "media/record/matroska_writer.h"

#include <algorithm>
#include <random>

#include "media/record/ebml.h"

namespace carillon::record {
namespace {

using ebml::put;
using ebml::put_unsigned;

enum Id : std::uint32_t {
    kEbml = 0x1A45DFA3,
    kSegment = 0x18538067,
    kSeekHead = 0x114D9B74,
    kInfo = 0x1549A966,
    kTracks = 0x1654AE6B,
    kTags = 0x1254C367,
    kCluster_ = 0x1F43B675,
    kCues = 0x1C53BB6B,
    kDuration = 0x4489,
};

constexpr std::size_t kSeekRoom = 96;
constexpr std::size_t kMostCues = 100'000;
constexpr std::size_t kMostWaiting = std::size_t{16} << 20;  // octets
constexpr std::size_t kMostBlocks = 4'096;
constexpr std::uint64_t kSeekPreRoll = 80'000'000;  // ns, RFC 7845 §4.6
constexpr std::uint8_t kVideo = 1, kAudio = 2;
constexpr std::uint8_t kKeyFlag = 0x80;

ByteWriter head_of(bool webm) {
    ByteWriter inner;
    put_unsigned(inner, 0x4286, 1);  // EBMLVersion
    put_unsigned(inner, 0x42F7, 1);
    put_unsigned(inner, 0x42F2, 4);  // longest identifier
    put_unsigned(inner, 0x42F3, 8);  // longest size
    put(inner, 0x4282, webm ? "webm" : "matroska");
    put_unsigned(inner, 0x4287, 4);  // DocTypeVersion
    put_unsigned(inner, 0x4285, 2);
    ByteWriter out;
    put(out, kEbml, inner.view());
    return out;
}

ByteWriter entry_of(const MatroskaTrack& track, std::uint64_t number) {
    ByteWriter entry;
    put_unsigned(entry, 0xD7, number);
    put_unsigned(entry, 0x73C5, number + (std::uint64_t{std::random_device{}()} << 8));  // TrackUID
    put_unsigned(entry, 0x83, track.width > 0 ? kVideo : kAudio);
    put_unsigned(entry, 0x88, track.is_default);
    put_unsigned(entry, 0x9C, 0);  // no lacing
    put(entry, 0x536E, track.name);
    put(entry, 0x22B59C, "und");  // Language
    put(entry, 0x86, track.codec);
    if (!track.codec_private.empty()) put(entry, 0x63A2, track.codec_private);
    ByteWriter form;
    if (track.width > 0) {
        put_unsigned(form, 0xB0, track.width);
        put_unsigned(form, 0xBA, track.height);
        put(entry, 0xE0, form.view());
    } else {
        put_unsigned(entry, 0x56AA, static_cast<std::uint64_t>(track.codec_delay.count()));
        put_unsigned(entry, 0x56BB, kSeekPreRoll);
        ebml::put_float(form, 0xB5, 48'000);
        put_unsigned(form, 0x9F, 1);  // Channels
        put(entry, 0xE1, form.view());
    }
    return entry;
}

ByteWriter tags_of(const std::vector<std::pair<std::string, std::string>>& comments) {
    ByteWriter tag;
    put(tag, 0x63C0, Bytes{});  // Targets: the whole
    for (const auto& [name, value] : comments) {
        ByteWriter simple;
        put(simple, 0x45A3, name);
        put(simple, 0x4487, value);
        put(tag, 0x67C8, simple.view());
    }
    ByteWriter tags, out;
    put(tags, 0x7373, tag.view());
    put(out, kTags, tags.view());
    return out;
}

void put_seek(ByteWriter& out, std::uint32_t id, std::uint64_t position) {
    ByteWriter name, seek;
    ebml::put_id(name, id);
    put(seek, 0x53AB, name.view());
    put_unsigned(seek, 0x53AC, position);
    put(out, 0x4DBB, seek.view());
}

}  // namespace

std::expected<MatroskaWriter, std::string> MatroskaWriter::create(const std::string& path,
                                                                  const MatroskaOptions& options) {
    auto file = AppendFile::create(path, options.most_octets);
    if (!file) return std::unexpected{file.error()};
    MatroskaWriter writer{std::move(*file)};
    if (!writer.write_head(options)) return std::unexpected{writer.error()};
    return writer;
}

bool MatroskaWriter::write_head(const MatroskaOptions& options) {
    auto out = head_of(options.webm);
    ebml::put_id(out, kSegment);
    size_at_ = out.size();
    out.u64(ebml::kUnknownSize);
    segment_at_ = seek_at_ = out.size();
    ebml::put_void(out, kSeekRoom);

    ByteWriter info;
    put_unsigned(info, 0x2AD7B1, 1'000'000);  // TimestampScale: milliseconds
    put(info, 0x4D80, "Carillon");
    put(info, 0x5741, "Carillon");
    for (const auto& [name, value] : options.comments)
        if (name == "TITLE") put(info, 0x7BA9, value);
    const auto before = info.size();
    ebml::put_float(info, kDuration, 0);
    info_at_ = out.size();
    put(out, kInfo, info.view());
    duration_at_ = out.size() - (info.size() - before) + 3;  // behind its identifier and its size

    ByteWriter entries;
    for (std::size_t i = 0; i < options.tracks.size(); ++i) {
        put(entries, 0xAE, entry_of(options.tracks[i], i + 1).view());
        if (options.tracks[i].width > 0 && video_ == SIZE_MAX) video_ = i;
    }
    tracks_at_ = out.size();
    put(out, kTracks, entries.view());
    if (!options.comments.empty()) out.bytes(tags_of(options.comments).view());
    return file_.append(out.view());
}

bool MatroskaWriter::write(std::size_t track, Time at, Time length, bool key, Bytes frame) {
    if (closed_ || !error().empty()) return false;
    if (at < written_until_) return true;
    if (waiting_octets_ > kMostWaiting || waiting_.size() > kMostBlocks)
        if (!write_until(Time::max())) return false;
    waiting_octets_ += frame.size();
    waiting_.emplace(at, Block{track, length, key, {frame.begin(), frame.end()}});
    return true;
}

bool MatroskaWriter::tick(Time now) {
    if (closed_ || waiting_.empty() || waiting_.begin()->first + kCluster + kHold > now) return error().empty();
    return write_until(now - kHold);
}

/// What begins before `limit`, in clusters that begin with a key frame where there is one.
bool MatroskaWriter::write_until(Time limit) {
    while (!waiting_.empty() && waiting_.begin()->first < limit) {
        const auto begin = waiting_.begin();
        const auto end = std::find_if(std::next(begin), waiting_.end(), [&](const auto& each) {
            const bool index = each.second.key && each.second.track == video_;
            return each.first >= limit || index || each.first - begin->first > std::chrono::seconds{1};
        });
        if (!write_cluster(end)) return false;
    }
    return true;
}

bool MatroskaWriter::write_cluster(std::multimap<Time, Block>::iterator end) {
    const auto begin = waiting_.begin()->first;
    ByteWriter inner;
    put_unsigned(inner, 0xE7, static_cast<std::uint64_t>(begin.count()));
    auto until = duration_;
    bool indexed = false;
    for (auto at = waiting_.begin(); at != end; ++at) {
        const auto& block = at->second;
        ebml::put_id(inner, 0xA3);  // SimpleBlock: track, time from the cluster's, flags
        ebml::put_size(inner, block.data.size() + 4);
        inner.u8(static_cast<std::uint8_t>(0x80 | (block.track + 1)));
        inner.u16(static_cast<std::uint16_t>((at->first - begin).count()));
        inner.u8(block.key ? kKeyFlag : 0);
        inner.bytes(block.data);
        until = std::max(until, at->first + block.length);
        indexed = indexed || (block.key && block.track == video_);
        waiting_octets_ -= block.data.size();
    }
    written_until_ = std::prev(end)->first;
    waiting_.erase(waiting_.begin(), end);
    const auto position = file_.size() - segment_at_;
    ByteWriter out;
    put(out, kCluster_, inner.view());
    if (!file_.append(out.view())) return false;
    if (indexed && cues_.size() < kMostCues) cues_.push_back({begin, position});
    return tell_duration(until);
}

bool MatroskaWriter::tell_duration(Time end) {
    if (end <= duration_) return true;
    duration_ = end;
    ByteWriter value;
    value.u64(std::bit_cast<std::uint64_t>(static_cast<double>(end.count())));
    return file_.replace(duration_at_, value.view());
}

bool MatroskaWriter::close(Time end) {
    if (std::exchange(closed_, true)) return error().empty();
    const bool done = error().empty() && write_until(Time::max()) && tell_duration(end) && write_index();
    file_.close();
    return done;
}

/// Cues behind the clusters, a seek head in the room left for it, and at last the segment's true size.
bool MatroskaWriter::write_index() {
    const auto cues_at = file_.size();
    if (!cues_.empty()) {
        ByteWriter points, out;
        for (const auto& cue : cues_) {
            ByteWriter place, point;
            put_unsigned(place, 0xF7, video_ + 1);
            put_unsigned(place, 0xF1, cue.position);
            put_unsigned(point, 0xB3, static_cast<std::uint64_t>(cue.at.count()));
            put(point, 0xB7, place.view());
            put(points, 0xBB, point.view());
        }
        put(out, kCues, points.view());
        if (!file_.append(out.view())) return false;
    }
    ByteWriter seeks, head, size;
    put_seek(seeks, kInfo, info_at_ - segment_at_);
    put_seek(seeks, kTracks, tracks_at_ - segment_at_);
    if (!cues_.empty()) put_seek(seeks, kCues, cues_at - segment_at_);
    put(head, kSeekHead, seeks.view());
    ebml::put_void(head, kSeekRoom - head.size());
    size.u64(ebml::kSizeOfEight | (file_.size() - segment_at_));
    return file_.replace(seek_at_, head.view()) && file_.replace(size_at_, size.view());
}

}  // namespace carillon::record
