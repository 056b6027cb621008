#include "relay/media/video_sender.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <stdexcept>

#include "codecs/video/scale.h"
#include "media/video/h264_payload.h"
#include "media/video/vp8_payload.h"
#include "media/video/vp9_payload.h"
#include "relay/media/video_receiver.h"

namespace carillon::relay {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostPayload = 1'100;  // octets: with all heads it passes any path
constexpr unsigned kNominal = 30;            // frames a second, as encoders are told
constexpr milliseconds kBetweenKeys{300};
constexpr milliseconds kKeyPatience{200};
constexpr std::size_t kMostWaiting = 1u << 20;  // octets
constexpr std::size_t kHistory = 400;           // packets
constexpr milliseconds kAgain{30};
constexpr double kPace = 2.5;           // times the bit rate
constexpr double kLeastPace = 125'000;  // octets a second
constexpr double kBurst = 12'000;       // octets
constexpr std::array<milliseconds, 3> kFirstReports{milliseconds{200}, milliseconds{500}, milliseconds{1000}};
constexpr milliseconds kReports{1000};  // RFC 3550 §6.2: 360 / kbit/s of a session would be more often
constexpr std::uint32_t kJump = 10 * VideoReceiver::kClock;

std::uint32_t random32() {
    static thread_local std::random_device device;
    return device();
}

codecs::VideoCodec codec_or_throw(const api::VideoFormat& format) {
    const auto codec = codec_of(format);
    if (!codec) throw std::runtime_error{"no video codec " + format.codec};
    return *codec;
}

double seconds(SteadyTime::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

VideoSender::VideoSender(const api::VideoFormat& format, std::size_t leg, const std::optional<StreamPoint>& before)
    : format_{format},
      leg_{leg},
      codec_{codec_or_throw(format)},
      rate_{format.bitrate},
      size_{format.max_pixels},
      sender_{sender_after(before, VideoReceiver::kClock)},
      picture_id_{static_cast<std::uint16_t>(random32() & 0x7FFF)} {}

/// The source's own steps, from a beginning of ours; a source that begins anew goes on from where the other was.
void VideoSender::set_timestamps(std::uint32_t timestamp, SteadyTime now) {
    const auto step = timestamp - last_source_;
    if (!offset_) {
        offset_ = sender_.timestamp() - timestamp;
    } else if (step > kJump && step < 0u - kJump) {
        const auto passed = static_cast<std::uint32_t>(seconds(now - last_shown_) * VideoReceiver::kClock);
        offset_ = last_source_ + *offset_ + std::max(passed, 1u) - timestamp;
    }
    last_source_ = timestamp;
    last_shown_ = now;
}

/// An encoder of that size, told so many bits a picture that the rate comes out right.
void VideoSender::prepare(VideoSize::Size size, double frames_per_second) {
    const auto fitting = rate_.target() * std::clamp(kNominal / std::max(frames_per_second, 1.0), 0.5, 4.0);
    const auto wanted = static_cast<unsigned>(fitting);
    const bool other_size = !encoder_ || size != current_;
    if (!other_size && std::abs(static_cast<double>(encoder_rate_) - fitting) < 0.05 * fitting) return;
    encoder_rate_ = wanted;
    if (!other_size && encoder_->set_bitrate(wanted)) return;
    encoder_.reset();
    encoder_ = codecs::make_video_encoder(
        codec_, {.width = size.width, .height = size.height, .bitrate = wanted, .frames_per_second = kNominal});
    current_ = size;
    key_wanted_ = true;
}

void VideoSender::show(const codecs::PictureView& picture, std::uint32_t timestamp, double frames_per_second,
                       SteadyTime now) {
    const auto size = size_.choose(picture.width, picture.height, frames_per_second, rate_.target(), now);
    if (picture.width < 2 || picture.height < 2) return;
    set_timestamps(timestamp, now);
    prepare(size, frames_per_second);
    auto view = picture.cropped(picture.width & ~1u, picture.height & ~1u);
    if (view.width != size.width || view.height != size.height) {
        if (scaled_.width != size.width || scaled_.height != size.height)
            scaled_ = codecs::Picture::make(size.width, size.height);
        codecs::scale(view, scaled_);
        view = scaled_;
    }
    const bool key = key_wanted_ && (now - last_key_ >= kBetweenKeys || last_key_ == SteadyTime{});
    const auto frame = encoder_->encode(view, key);
    if (!frame) return;
    if (frame->key) {
        key_wanted_ = false;
        last_key_ = now;
    }
    packetize(*frame);
}

void VideoSender::packetize(const codecs::EncodedFrame& frame) {
    picture_id_ = static_cast<std::uint16_t>((picture_id_ + 1) & 0x7FFF);
    std::vector<std::vector<std::byte>> payloads;
    if (codec_ == codecs::VideoCodec::vp8) {
        payloads = video::packetize_vp8(frame.data, {.picture_id = picture_id_, .long_picture_id = true}, kMostPayload);
    } else if (codec_ == codecs::VideoCodec::vp9) {
        video::Vp9Descriptor descriptor{
            .picture_id = picture_id_, .long_picture_id = true, .inter_predicted = !frame.key, .flexible = true};
        descriptor.references[0] = 1;  // the one before
        descriptor.reference_count = frame.key ? 0 : 1;
        payloads = video::packetize_vp9(frame.data, descriptor, kMostPayload);
    } else {
        payloads = video::packetize_h264(frame.data, kMostPayload);
    }
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        std::vector<std::byte> packet(rtp::kFixedHeaderSize + payloads[i].size());
        sender_.write(packet, {.payload_type = format_.payload_type,
                               .marker = i + 1 == payloads.size(),
                               .timestamp = last_source_ + *offset_,
                               .payload = payloads[i]});
        waiting_octets_ += packet.size();
        waiting_.push_back(std::move(packet));
    }
    if (waiting_octets_ <= kMostWaiting) return;
    waiting_.clear();  // nobody takes them; the end will need a new beginning
    waiting_octets_ = 0;
    key_wanted_ = true;
}

/// A key frame does not leave in one piece, for routers on the way that have little room.
void VideoSender::send(MediaPort& port, SteadyTime now) {
    if (last_send_ != SteadyTime{}) {
        const auto pace = std::max(kPace * rate_.target() / 8, kLeastPace);
        allowance_ = std::min(allowance_ + pace * seconds(now - last_send_), kBurst);
    } else {
        allowance_ = kBurst;
    }
    last_send_ = now;
    while (!waiting_.empty() && allowance_ > 0) {
        auto packet = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_octets_ -= packet.size();
        allowance_ -= static_cast<double>(packet.size());
        port.emit(leg_, packet, false, now);
        if (format_.nack) remember(std::move(packet), now);
    }
}

void VideoSender::remember(std::vector<std::byte> packet, SteadyTime now) {
    history_.push_back({load_u16(&packet[2]), now + kAgain, std::move(packet)});
    if (history_.size() > kHistory) history_.pop_front();
}

void VideoSender::send_again(const rtp::Nack& nack, SteadyTime now) {
    for (unsigned bit = 0; bit <= 16; ++bit) {
        if (bit > 0 && (nack.behind >> (bit - 1) & 1) == 0) continue;
        const auto sequence = static_cast<std::uint16_t>(nack.sequence + bit);
        const auto found = std::ranges::find(history_, sequence, &Sent::sequence);
        if (found == history_.end() || found->again > now) continue;
        found->again = now + kAgain;
        if (waiting_octets_ > kMostWaiting / 2) return;
        waiting_octets_ += found->packet.size();
        waiting_.push_front(std::move(found->packet));
        history_.erase(found);  // it is remembered again when it goes
    }
}

void VideoSender::ask_key_frame(SteadyTime now) {
    if (!key_wanted_) key_asked_ = now;
    key_wanted_ = true;
}

void VideoSender::on_said(const rtp::Feedback& said, SteadyTime now) {
    const auto about_us = [&](std::uint32_t media) { return media == sender_.ssrc(); };
    if (const auto* loss = std::get_if<rtp::PictureLoss>(&said); loss && about_us(loss->media)) ask_key_frame(now);
    if (const auto* intra = std::get_if<rtp::FullIntra>(&said); intra && about_us(intra->media)) {
        if (last_request_ != intra->number) ask_key_frame(now);  // RFC 5104 §4.3.1.2: else it is the same one again
        last_request_ = intra->number;
    }
    if (const auto* nack = std::get_if<rtp::Nack>(&said); nack && about_us(nack->media)) send_again(*nack, now);
    if (const auto* estimate = std::get_if<rtp::ReceiverEstimate>(&said)) rate_.on_estimate(estimate->bitrate);
    if (const auto* block = std::get_if<rtp::ReportBlock>(&said); block && about_us(block->ssrc))
        rate_.on_loss(block->fraction_lost / 256.0, now);
}

bool VideoSender::key_frame_overdue(SteadyTime now) const {
    return key_wanted_ && encoder_ && now - key_asked_ > kKeyPatience && now - last_shown_ > kKeyPatience &&
           now - last_key_ >= kBetweenKeys;
}

void VideoSender::report_when_due(SteadyTime now, MediaPort& port, const std::optional<rtp::ReportBlock>& about,
                                  const std::function<Moment()>& moment) {
    const bool first = next_report_ == SteadyTime{};
    next_report_ = now + (reports_ < kFirstReports.size() ? kFirstReports[reports_] : kReports);
    ++reports_;
    if (first || (sender_.packets() == 0 && !about)) return;
    const auto when = moment();
    auto packet = rtp::compose_rtcp(sender_, about, when.cname, false);
    if (sender_.packets() > 0) {
        store_u32(&packet[8], static_cast<std::uint32_t>(when.ntp >> 32));
        store_u32(&packet[12], static_cast<std::uint32_t>(when.ntp));
        store_u32(&packet[16], when.timestamp + offset_.value_or(0));
    }
    port.emit(leg_, packet, true, now);
}

}  // namespace carillon::relay
