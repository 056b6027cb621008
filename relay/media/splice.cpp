#include "relay/media/splice.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace carillon::relay {
namespace {

constexpr unsigned kSenderReport = 200, kReceiverReport = 201, kRtpFeedback = 205;
constexpr unsigned kGenericNack = 1;
constexpr std::chrono::milliseconds kFrame{20};        // of the relay's packets, and of nearly everybody's
constexpr std::chrono::seconds kLongestPause{86'400};  // clocks are 32 bits wide
constexpr std::byte kMarker{0x80};

std::int32_t ahead(std::uint32_t number, std::uint32_t of) { return static_cast<std::int32_t>(number - of); }

/// The extended number nearest to `near` that ends in `low`.
std::uint32_t extend(std::uint32_t near, std::uint16_t low) {
    const auto step = static_cast<std::int16_t>(static_cast<std::uint16_t>(low - static_cast<std::uint16_t>(near)));
    return near + static_cast<std::uint32_t>(static_cast<std::int32_t>(step));
}

void add_u32(std::span<std::byte> packet, std::size_t at, std::uint32_t more) {
    if (at + 4 <= packet.size()) store_u32(&packet[at], load_u32(&packet[at]) + more);
}

}  // namespace

void Splice::begin(const StreamPoint& at) {
    ssrc_ = at.ssrc;
    number_ = live_number_ = live_before_ = kStart + at.sequence;
    timestamp_ = at.timestamp;
    at_ = at.at;
}

std::optional<StreamPoint> Splice::stands() const {
    if (!touched_ || !ssrc_) return std::nullopt;
    return StreamPoint{
        .ssrc = *ssrc_, .sequence = static_cast<std::uint16_t>(number_), .timestamp = timestamp_, .at = at_};
}

void Splice::go_on(const StreamPoint& at) {
    begin(at);
    touched_ = joins_ = true;
    floor_ = number_;
}

void Splice::play(bool on) {
    if (playing_ == on) return;
    playing_ = on;
    if (on) {
        if (ahead(number_, floor_) > 0) live_before_ = live_number_, shift_before_ = shift_;
        joins_ = true;
        return;
    }
    // Where the relay has said nothing meanwhile there is nothing to fit on.
    joins_ = touched_;
    floor_ = touched_ ? number_ : 0;
}

/// The time that has passed since the last packet, and that one's own length at least.
std::uint32_t Splice::next_timestamp(SteadyTime now) const {
    const auto passed = std::clamp<std::chrono::nanoseconds>(now - at_, kFrame, kLongestPause);
    return timestamp_ + static_cast<std::uint32_t>(passed.count() / 1000 * clock_rate_ / 1'000'000);
}

void Splice::left(std::uint32_t number, std::uint32_t timestamp, SteadyTime now) {
    number_ = number;
    timestamp_ = timestamp;
    at_ = now;
}

bool Splice::is_gone(std::uint32_t ssrc) const {
    return std::find(gone_.begin(), gone_.begin() + static_cast<std::ptrdiff_t>(gone_count_), ssrc) !=
           gone_.begin() + static_cast<std::ptrdiff_t>(gone_count_);
}

/// A stream of its own, under its own numbers, as if nobody stood between.
void Splice::adopt(const rtp::Header& header) {
    if (touched_) gone_[gone_count_++] = *ssrc_;
    ssrc_ = header.ssrc;
    number_ = live_number_ = live_before_ = kStart + header.sequence.value - 1;
    shift_ = shift_before_ = clock_shift_ = packets_ = octets_ = floor_ = 0;
    joins_ = touched_ = false;
}

void Splice::resume(const rtp::Header& header, std::uint32_t number, SteadyTime now) {
    shift_ = number_ + 1 - number;
    clock_shift_ = next_timestamp(now) - header.timestamp;
    live_number_ = number;
    joins_ = false;
}

bool Splice::live(std::span<std::byte> packet, SteadyTime now) noexcept {
    const auto header = rtp::Header::parse(packet);
    if (!header || !types_.test(header->payload_type)) return true;
    if (ssrc_ != header->ssrc) {
        if (playing_ || is_gone(header->ssrc)) return false;
        if (touched_ && gone_count_ == gone_.size()) return true;  // it changes too often to be followed
        adopt(*header);
    }
    const auto number = extend(live_number_, header->sequence.value);
    if (ahead(number, live_number_) > 0) live_number_ = number;
    if (playing_) {
        --packets_;
        octets_ -= static_cast<std::uint32_t>(packet.size() - header->size);
        return false;
    }
    const bool first = joins_;
    if (first) resume(*header, number, now);
    const auto leaves = number + shift_;
    if (floor_ != 0 && ahead(leaves, floor_) <= 0) return false;
    if (touched_) {
        store_u16(&packet[2], static_cast<std::uint16_t>(leaves));
        store_u32(&packet[4], header->timestamp + clock_shift_);
        if (first) packet[1] |= kMarker;
    }
    if (ahead(leaves, number_) > 0) left(leaves, header->timestamp + clock_shift_, now);
    // Numbers come round: a floor that is far below forbids nothing any more.
    if (floor_ != 0 && ahead(number_, floor_) > 0x8000) floor_ = 0;
    return true;
}

bool Splice::made(std::span<std::byte> packet, SteadyTime now) noexcept {
    const auto header = rtp::Header::parse(packet);
    if (!playing_ || !header) return false;
    const bool alone = !ssrc_;  // nobody has spoken yet: the stream is the relay's
    if (alone) adopt(*header);
    if (alone || std::exchange(joins_, false)) {
        made_clock_shift_ = alone ? 0 : next_timestamp(now) - header->timestamp;
        packet[1] |= kMarker;
    }
    touched_ = true;
    left(number_ + 1, header->timestamp + made_clock_shift_, now);
    store_u16(&packet[2], static_cast<std::uint16_t>(number_));
    store_u32(&packet[4], timestamp_);
    store_u32(&packet[8], *ssrc_);
    ++packets_;
    octets_ += static_cast<std::uint32_t>(packet.size() - header->size);
    return true;
}

void Splice::report_of_sender(std::span<std::byte> compound, SteadyTime now) const noexcept {
    if (!touched_) return;
    while (compound.size() >= 4) {
        const auto size = 4 * (std::size_t{load_u16(&compound[2])} + 1);
        if (size > compound.size()) return;
        if (std::to_integer<unsigned>(compound[1]) == kSenderReport) fit_sender_report(compound.first(size), now);
        compound = compound.subspan(size);
    }
}

/// §6.4.1: NTP time and RTP timestamp are the same moment.
void Splice::fit_sender_report(std::span<std::byte> packet, SteadyTime now) const {
    if (packet.size() < 28 || load_u32(&packet[4]) != ssrc_) return;
    if (playing_ || joins_) {
        store_u32(&packet[16], next_timestamp(now));
    } else {
        add_u32(packet, 16, clock_shift_);
    }
    add_u32(packet, 20, packets_);
    add_u32(packet, 24, octets_);
}

void Splice::report_of_listener(std::span<std::byte> compound) const noexcept {
    if (!touched_) return;
    while (compound.size() >= 4) {
        const auto count = std::to_integer<unsigned>(compound[0]) & 0x1F;
        const auto type = std::to_integer<unsigned>(compound[1]);
        const auto size = 4 * (std::size_t{load_u16(&compound[2])} + 1);
        if (size > compound.size()) return;
        const auto packet = compound.first(size);
        if (type == kSenderReport || type == kReceiverReport)
            for (std::size_t at = type == kSenderReport ? 28 : 8, i = 0; i < count && at + 24 <= size; ++i, at += 24)
                fit_block(packet.subspan(at, 24));
        if (type == kRtpFeedback && count == kGenericNack && size >= 12 && load_u32(&packet[8]) == ssrc_)
            fit_requests(packet);
        compound = compound.subspan(size);
    }
}

/// The number that the other end gave to what left as `number`; of what the relay said: its last before.
std::uint32_t Splice::back(std::uint32_t number) const {
    const bool own = playing_ || joins_ || (floor_ != 0 && ahead(number, floor_) <= 0);
    if (!own) return number - shift_;
    return ahead(number, live_before_ + shift_before_) < 0 ? number - shift_before_ : live_before_;
}

/// The end counts cycles in its own way: only the difference is known.
void Splice::fit_block(std::span<std::byte> block) const {
    if (load_u32(&block[0]) != ssrc_) return;
    const auto said = load_u32(&block[8]);
    const auto number = extend(number_, static_cast<std::uint16_t>(said));
    store_u32(&block[8], said - (number - back(number)));
}

void Splice::fit_requests(std::span<std::byte> packet) const {
    for (std::size_t at = 12; at + 4 <= packet.size(); at += 4) {
        const auto number = extend(number_, load_u16(&packet[at]));
        store_u16(&packet[at], static_cast<std::uint16_t>(back(number)));
    }
}

}  // namespace carillon::relay
