#include "relay/media/video_receiver.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "media/video/frame_size.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostWaiting = 30;  // frames
constexpr std::size_t kPatience = 12;     // frames that begin while a lost packet is asked for
constexpr unsigned kStrangePackets = 8;   // of another SSRC, in a row: it takes the place of the one before
constexpr milliseconds kGone{500};
constexpr unsigned kMostNothing = 10;  // frames without a picture: something is wrong
constexpr milliseconds kAskAgain{300};
constexpr milliseconds kAskSeldom{1000};
constexpr unsigned kOften = 5;
constexpr std::chrono::seconds kWish{1};

codecs::VideoCodec codec_or_throw(const api::VideoFormat& format) {
    const auto codec = codec_of(format);
    if (!codec) throw std::runtime_error{"no video codec " + format.codec};
    return *codec;
}

video::VideoFormat form_of(codecs::VideoCodec codec) {
    return codec == codecs::VideoCodec::vp8   ? video::VideoFormat::vp8
           : codec == codecs::VideoCodec::vp9 ? video::VideoFormat::vp9
                                              : video::VideoFormat::h264;
}

}  // namespace

std::optional<codecs::VideoCodec> codec_of(const api::VideoFormat& format) {
    return codecs::video_codec_named(format.codec);
}

VideoReceiver::VideoReceiver(const api::VideoFormat& format, std::size_t leg)
    : format_{format},
      leg_{leg},
      codec_{codec_or_throw(format)},
      assembler_{form_of(codec_), format.nack ? kPatience : video::FrameAssembler::kLittlePatience} {}

/// One source at a time, as with sound.
bool VideoReceiver::takes(std::uint32_t ssrc, SteadyTime arrival) {
    if (ssrc_ == ssrc) {
        strange_packets_ = 0;
        return true;
    }
    if (ssrc_) {
        strange_packets_ = stranger_ == ssrc ? strange_packets_ + 1 : 1;
        stranger_ = ssrc;
        if (strange_packets_ < kStrangePackets && arrival - last_packet_ < kGone) return false;
    }
    begin(ssrc);
    return true;
}

void VideoReceiver::begin(std::uint32_t ssrc) {
    if (ssrc_)
        assembler_ =
            video::FrameAssembler{form_of(codec_), format_.nack ? kPatience : video::FrameAssembler::kLittlePatience};
    ssrc_ = ssrc;
    strange_packets_ = 0;
    missing_.clear();
    frames_.clear();
    clock_.reset();
    last_timestamp_.reset();
    broken_ = true;
    asked_ = 0;
    next_ask_ = {};
}

void VideoReceiver::on_rtp(Bytes packet, SteadyTime arrival) {
    const auto parsed = rtp::parse_rtp(packet);
    if (!parsed || parsed->header.payload_type != format_.payload_type || !takes(parsed->header.ssrc, arrival)) return;
    last_packet_ = arrival;
    books_.on_packet(*parsed, arrival);
    missing_.on_packet(parsed->header.sequence);
    if (parsed->payload.empty()) {
        assembler_.put_filler(parsed->header.sequence);
    } else {
        assembler_.put(parsed->header, parsed->payload);
    }
    gather(arrival);
}

void VideoReceiver::gather(SteadyTime arrival) {
    while (auto frame = assembler_.take()) {
        measure(frame->timestamp);
        if (frames_.size() >= kMostWaiting) drop_waiting();
        frames_.push_back({std::move(*frame), arrival, assembler_.missing()});
    }
}

void VideoReceiver::drop_waiting() {
    frames_.clear();
    broken_ = true;
}

void VideoReceiver::measure(std::uint32_t timestamp) {
    const auto before = std::exchange(last_timestamp_, timestamp);
    if (!before) return;
    const auto ticks = static_cast<std::int32_t>(timestamp - *before);
    if (ticks < static_cast<std::int32_t>(kClock / 120) || ticks > static_cast<std::int32_t>(kClock)) return;
    frames_per_second_ += (static_cast<double>(kClock) / ticks - frames_per_second_) / 16;
}

void VideoReceiver::on_said(const rtp::Feedback& said, SteadyTime arrival) {
    if (const auto* time = std::get_if<rtp::SenderTime>(&said); time && time->ssrc == ssrc_) {
        books_.on_sender_report(static_cast<std::uint32_t>(time->ntp >> 16), arrival);
        clock_ = Clock{time->ntp, time->timestamp, arrival};
    }
    if (const auto* name = std::get_if<rtp::CanonicalName>(&said); name && name->ssrc == ssrc_) cname_ = name->name;
}

/// Key frames tell their size before anything is made of them.
bool VideoReceiver::fits(const video::VideoFrame& frame) const {
    if (!frame.key) return true;
    const auto size = video::frame_size(form_of(codec_), frame.data);
    return !size || std::uint64_t{size->width} * size->height <= codecs::kMostPixels;
}

std::optional<VideoReceiver::Shown> VideoReceiver::next() {
    while (!frames_.empty()) {
        const auto [frame, arrival, incomplete] = std::move(frames_.front());
        frames_.pop_front();
        if (incomplete && !frame.key) broken_ = true;
        if ((broken_ && !frame.key) || !fits(frame)) continue;
        if (frame.key) {
            broken_ = false;
            asked_ = 0;
        }
        if (!decoder_) decoder_ = codecs::make_video_decoder(codec_);
        last_.reset();
        const auto picture = decoder_->decode(frame.data);
        if (!picture) {
            broken_ = broken_ || frame.key || ++nothing_ > kMostNothing;
            continue;
        }
        nothing_ = 0;
        ++decoded_;
        last_ = Shown{*picture, frame.timestamp, arrival};
        return last_;
    }
    return std::nullopt;
}

void VideoReceiver::ask(MediaPort& port, SteadyTime now, std::uint32_t own, unsigned wish) {
    if (!ssrc_) return;
    if (broken_ && now >= next_ask_) ask_key_frame(port, now, own);
    if (format_.nack)
        if (const auto due = missing_.due(now); !due.empty()) port.emit(leg_, rtp::nack(own, *ssrc_, due), true, now);
    if (!format_.estimate || now < next_wish_) return;
    next_wish_ = now + kWish;
    port.emit(leg_, rtp::receiver_estimate(own, *ssrc_, wish), true, now);
}

void VideoReceiver::ask_key_frame(MediaPort& port, SteadyTime now, std::uint32_t own) {
    next_ask_ = now + (++asked_ > kOften ? kAskSeldom : kAskAgain);
    if (format_.full_intra) {
        port.emit(leg_, rtp::full_intra(own, *ssrc_, request_++), true, now);
    } else {
        port.emit(leg_, rtp::picture_loss(own, *ssrc_), true, now);
    }
}

std::optional<rtp::ReportBlock> VideoReceiver::report(SteadyTime now) {
    if (!books_.started()) return std::nullopt;
    return books_.report(now);
}

}  // namespace carillon::relay
