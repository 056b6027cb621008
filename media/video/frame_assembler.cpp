#include "media/video/frame_assembler.h"

#include <algorithm>

#include "media/video/h264_payload.h"
#include "media/video/vp8_payload.h"
#include "media/video/vp9_payload.h"

namespace carillon::video {
namespace {

bool later(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }
bool before(std::uint16_t a, std::uint16_t b) { return rtp::SequenceNumber::distance({a}, {b}) > 0; }

std::vector<std::byte> behind(Bytes payload, std::size_t size) {
    const auto rest = payload.subspan(size);
    return {rest.begin(), rest.end()};
}

}  // namespace

bool FrameAssembler::Pending::whole() const {
    if (packets.empty() || !packets.front().starts || !packets.back().marker) return false;
    const auto span = rtp::SequenceNumber::distance({packets.front().sequence}, {packets.back().sequence});
    return span + 1 == static_cast<int>(packets.size());
}

std::optional<FrameAssembler::Packet> FrameAssembler::read(const rtp::Header& header, Bytes payload) const {
    Packet packet{.sequence = header.sequence.value, .marker = header.marker, .data = {}};
    if (format_ == VideoFormat::vp8) {
        const auto descriptor = Vp8Descriptor::parse(payload);
        if (!descriptor) return std::nullopt;
        packet.starts = descriptor->starts_frame();
        packet.temporal_layer = descriptor->temporal_layer.value_or(0);
        packet.data = behind(payload, descriptor->size);
        packet.key = packet.starts && (std::to_integer<unsigned>(packet.data[0]) & 1) == 0;
    } else if (format_ == VideoFormat::h264) {
        auto read = H264Payload::parse(payload);
        if (!read) return std::nullopt;
        packet.starts = read->starts;
        packet.key = read->key;
        packet.data = std::move(read->data);
    } else {
        const auto descriptor = Vp9Descriptor::parse(payload);
        if (!descriptor) return std::nullopt;
        packet.starts = descriptor->starts_picture();
        packet.temporal_layer = descriptor->temporal_layer.value_or(0);
        packet.key = packet.starts && descriptor->is_key();
        packet.data = behind(payload, descriptor->size);
    }
    return packet;
}

FrameAssembler::Pending& FrameAssembler::pending(std::uint32_t timestamp) {
    const auto at =
        std::ranges::find_if(frames_, [&](const Pending& each) { return !later(timestamp, each.timestamp); });
    if (at != frames_.end() && at->timestamp == timestamp) return *at;
    return *frames_.insert(at, Pending{timestamp, {}});
}

bool FrameAssembler::put(const rtp::Header& header, Bytes payload) {
    auto packet = read(header, payload);
    if (!packet) return false;
    if (taken_ && !later(header.timestamp, *taken_)) return true;  // too late
    while (!frames_.empty() && (packets_ >= kMostPackets || octets_ + packet->data.size() > kMostOctets)) drop_front();
    auto& frame = pending(header.timestamp);
    const auto at = std::ranges::find_if(frame.packets,
                                         [&](const Packet& each) { return !before(each.sequence, packet->sequence); });
    if (at != frame.packets.end() && at->sequence == packet->sequence) return true;  // again
    ++packets_;
    octets_ += packet->data.size();
    frame.packets.insert(at, std::move(*packet));
    return true;
}

void FrameAssembler::drop_front() {
    auto& frame = frames_.front();
    packets_ -= frame.packets.size();
    for (const auto& packet : frame.packets) octets_ -= packet.data.size();
    taken_ = frame.timestamp;
    last_sequence_.reset();  // this loss is counted
    missing_ = true;
    ++lost_frames_;
    frames_.pop_front();
}

std::optional<VideoFrame> FrameAssembler::take() {
    while (!frames_.empty()) {
        // Of H.264 no packet says that it is a frame's first: one that does not follow may still lack some. Where lost
        // packets come again, a whole frame may be missing before this one.
        const bool first_there = (format_ != VideoFormat::h264 && patience_ <= kLittlePatience) || !last_sequence_ ||
                                 frames_.size() >= patience_ || frames_.front().packets.empty() ||
                                 follows(frames_.front().packets.front().sequence);
        if (first_there && frames_.front().whole()) {
            auto frame = join(frames_.front());
            frames_.pop_front();
            return frame;
        }
        const auto whole = std::find_if(frames_.begin() + (first_there ? 0 : 1), frames_.end(),
                                        [](const Pending& each) { return each.whole(); });
        if (whole == frames_.end()) return std::nullopt;
        // The first may only be late by a packet: it has time until more frames have begun, or a key frame is there.
        if (frames_.size() < patience_ && !whole->key()) return std::nullopt;
        drop_front();
    }
    return std::nullopt;
}

void FrameAssembler::put_filler(rtp::SequenceNumber sequence) {
    constexpr std::size_t kRemembered = 128;
    fillers_.push_back(sequence.value);
    if (fillers_.size() > kRemembered) fillers_.pop_front();
}

/// On the last frame, or on packets of no frame behind it.
bool FrameAssembler::follows(std::uint16_t first) const {
    const auto between = rtp::SequenceNumber::distance({*last_sequence_}, {first}) - 1;
    if (between <= 0) return true;
    const auto known = std::ranges::count_if(
        fillers_, [&](std::uint16_t each) { return before(*last_sequence_, each) && before(each, first); });
    return known >= between;
}

VideoFrame FrameAssembler::join(Pending& frame) {
    VideoFrame out{.data = {},
                   .timestamp = frame.timestamp,
                   .key = frame.key(),
                   .temporal_layer = frame.packets.front().temporal_layer};
    const auto first = frame.packets.front().sequence;
    // Numbers between two frames that nobody has seen: a frame was lost whole.
    if (last_sequence_ && !follows(first)) {
        missing_ = true;
        ++lost_frames_;
    }
    if (out.key) missing_ = false;
    for (const auto& packet : frame.packets) {
        out.data.insert(out.data.end(), packet.data.begin(), packet.data.end());
        octets_ -= packet.data.size();
    }
    packets_ -= frame.packets.size();
    last_sequence_ = frame.packets.back().sequence;
    taken_ = frame.timestamp;
    return out;
}

}  // namespace carillon::video
