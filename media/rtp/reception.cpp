#include "media/rtp/reception.h"

#include <cmath>

namespace carillon::rtp {

void Reception::start(const Header& header) {
    if (started_) base_expected_ = expected();
    started_ = true;
    base_ = highest_ = std::uint64_t{0x10000} + header.sequence.value;  // room below for late packets
    seen_ = 1;
    bad_sequence_ = 0x10000;
    last_arrival_ = {};
}

Reception::Verdict Reception::on_packet(const Header& header, std::chrono::nanoseconds arrival,
                                        std::uint32_t clock_rate) {
    auto verdict = Verdict::in_order;
    const int ahead = started_ ? SequenceNumber::distance({static_cast<std::uint16_t>(highest_)}, header.sequence) : 0;
    if (!started_) {
        start(header);
    } else if (ahead > 0 && ahead < kMaxDropout) {
        highest_ += static_cast<std::uint64_t>(ahead);
        seen_ = ahead >= 64 ? 1 : (seen_ << ahead) | 1;
    } else if (ahead <= 0 && ahead > -kMaxMisorder) {
        const int behind = -ahead;
        const bool known = behind < 64 && (seen_ >> behind & 1) != 0;
        if (known) {
            ++duplicates_;
            return Verdict::duplicate;
        }
        if (behind < 64) seen_ |= std::uint64_t{1} << behind;
        if (highest_ - static_cast<std::uint64_t>(behind) < base_)
            base_ = highest_ - static_cast<std::uint64_t>(behind);
        ++late_;
        verdict = Verdict::late;
    } else if (header.sequence.value == bad_sequence_) {
        start(header);     // §A.1: two in a row at the new place: the sender has restarted
        ++base_expected_;  // the first of the two
        verdict = Verdict::restarted;
    } else {
        bad_sequence_ = (header.sequence.value + 1u) & 0xFFFF;
        ++received_;  // it did arrive; if it stays alone it counts as one too many, never as a loss
        return Verdict::late;
    }
    ++received_;

    // §A.8: the first packet of a timestamp tells of the network, the rest of a video frame of the sender's pacing.
    if (clock_rate != 0 && verdict == Verdict::in_order) {
        if (clock_rate == clock_rate_ && last_arrival_.count() != 0 && header.timestamp != last_timestamp_) {
            const double passed = std::chrono::duration<double>(arrival - last_arrival_).count() * clock_rate;
            const double stamped = static_cast<std::int32_t>(header.timestamp - last_timestamp_);
            const double difference = std::abs(passed - stamped);
            if (difference < clock_rate * 5.0) jitter_ += (difference - jitter_) / 16.0;
        }
        if (header.timestamp != last_timestamp_ || last_arrival_.count() == 0) {
            last_timestamp_ = header.timestamp;
            last_arrival_ = arrival;
        }
        clock_rate_ = clock_rate;
    }
    return verdict;
}

void Reception::add(const Elsewhere& other) {
    if (!started_) start(Header{.sequence = other.first});
    received_ += other.received;
    late_ += other.late;
    duplicates_ += other.duplicates;
    constexpr std::uint64_t kHalf = 0x8000;  // further apart, 16 bits do not say which is ahead
    const int step = SequenceNumber::distance({static_cast<std::uint16_t>(highest_)}, other.highest);
    if (other.ahead >= kHalf) {
        highest_ += other.ahead;
    } else if (step > 0) {
        highest_ += static_cast<std::uint64_t>(step);
    } else {
        return;  // those seen here are newer
    }
    seen_ = other.seen;
    if (clock_rate_ == 0) return;
    jitter_ = other.jitter_timestamps;
    last_timestamp_ = other.timestamp;
    last_arrival_ = other.arrival;
}

std::uint64_t Reception::lost() const {
    const auto wanted = expected();
    return wanted > received_ ? wanted - received_ : 0;
}

double Reception::loss() const {
    const auto wanted = expected();
    return wanted == 0 ? 0.0 : static_cast<double>(lost()) / static_cast<double>(wanted);
}

std::chrono::nanoseconds Reception::jitter() const {
    if (clock_rate_ == 0) return {};
    return std::chrono::nanoseconds{static_cast<std::int64_t>(jitter_ / clock_rate_ * 1e9)};
}

}  // namespace carillon::rtp
