#include "media/record/video_track.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace carillon::record {
namespace {

using std::chrono::nanoseconds;
using video::VideoFormat;

constexpr std::int64_t kClock = 90'000;
constexpr std::chrono::seconds kMostAside{1};  // off its arrival: the time stamps have jumped
constexpr std::chrono::seconds kGone{1};       // then another sender takes its place
constexpr std::size_t kOriginalSequence = 2;   // octets before the payload of a retransmission (RFC 4588 §4)

std::string lower_name(std::string_view text) {
    std::string out{text.substr(0, text.find('/'))};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

}  // namespace

VideoTrack::VideoTrack(PayloadNames names, TakeFrame take, WantKeyFrame want)
    : names_{std::move(names)}, take_{std::move(take)}, want_{std::move(want)} {}

VideoTrack::Meaning VideoTrack::meaning_of(std::uint8_t payload_type) const {
    const auto named = names_.find(payload_type);
    if (named == names_.end()) return Meaning::none;
    const auto name = lower_name(named->second);
    if (name == "vp8") return Meaning::vp8;
    if (name == "vp9") return Meaning::vp9;
    if (name == "h264") return Meaning::h264;
    if (name == "rtx") return Meaning::rtx;
    if (name == "red") return Meaning::red;
    if (name == "ulpfec") return Meaning::fec;
    return Meaning::none;
}

bool VideoTrack::packet(Bytes rtp, Time at) {
    auto header = rtp::Header::parse(rtp);
    if (!header) return false;
    auto meaning = meaning_of(header->payload_type);
    if (meaning == Meaning::none) return false;
    auto payload = payload_of(*header, rtp);
    if (meaning == Meaning::rtx) {  // another SSRC and another number; the rest is the original's
        if (!assembler_ || payload.size() <= kOriginalSequence) return true;
        header->sequence.value = load_u16(payload.data());
        header->ssrc = ssrc_;
        payload = payload.subspan(kOriginalSequence);
        meaning = format_ == VideoFormat::vp8   ? Meaning::vp8
                  : format_ == VideoFormat::vp9 ? Meaning::vp9
                                                : Meaning::h264;
    } else if (meaning == Meaning::red) {
        const auto primary = primary_of(payload);
        if (!primary) return true;
        meaning = meaning_of(primary->first);
        payload = primary->second;
    }
    media(meaning, *header, payload, at);
    return true;
}

void VideoTrack::media(Meaning meaning, const rtp::Header& header, Bytes payload, Time at) {
    const bool frame = meaning == Meaning::vp8 || meaning == Meaning::vp9 || meaning == Meaning::h264;
    if (!frame || payload.empty()) {
        if (assembler_ && header.ssrc == ssrc_) assembler_->put_filler(header.sequence);
        return;
    }
    if (!begin(meaning, header, at)) return;
    last_packet_ = at;
    assembler_->put(header, payload);
    take_frames(at);
    if (waits_for_key_) ask(at);
}

/// One sender at a time; another takes its place when it has gone, or when the format is another.
bool VideoTrack::begin(Meaning meaning, const rtp::Header& header, Time at) {
    const auto format = meaning == Meaning::vp8   ? VideoFormat::vp8
                        : meaning == Meaning::vp9 ? VideoFormat::vp9
                                                  : VideoFormat::h264;
    if (assembler_ && ssrc_ == header.ssrc && format_ == format) return true;
    if (assembler_ && ssrc_ != header.ssrc && at - last_packet_ < kGone) return false;
    if (assembler_) lost_frames_ += assembler_->lost_frames();
    assembler_.emplace(format);
    format_ = format;
    ssrc_ = header.ssrc;
    anchor_timestamp_.reset();
    asked_.reset();
    waits_for_key_ = true;
    waits_since_ = at;
    return true;
}

void VideoTrack::take_frames(Time at) {
    while (const auto frame = assembler_->take()) take_frame(*frame, at);
}

void VideoTrack::take_frame(const video::VideoFrame& frame, Time at) {
    if (assembler_->missing() && !waits_for_key_) {
        waits_for_key_ = true;
        waits_since_ = at;
    }
    if (frame.key) waits_for_key_ = false;
    const auto when = place(frame.timestamp, at);
    if (waits_for_key_ && at - waits_since_ < kPatience) return;
    take_(format_, frame, when);
}

void VideoTrack::ask(Time now) {
    if (asked_ && now - *asked_ < kAskAgain) return;
    asked_ = now;
    if (want_) want_(ssrc_);
}

/// The time stamps say where it belongs, unless they have jumped away from the clock on the wall.
VideoTrack::Time VideoTrack::place(std::uint32_t timestamp, Time arrival) {
    auto position = arrival;
    if (anchor_timestamp_) {
        const std::int64_t passed = static_cast<std::int32_t>(timestamp - *anchor_timestamp_);
        position =
            anchor_ + nanoseconds{passed * 1'000'000 / kClock * 1'000 + passed * 1'000'000 % kClock * 1'000 / kClock};
        if (position - arrival > kMostAside || arrival - position > kMostAside) position = arrival;
    }
    anchor_timestamp_ = timestamp;
    anchor_ = position;
    return std::max(position, Time{0});
}

}  // namespace carillon::record
