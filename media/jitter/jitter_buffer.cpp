#include "media/jitter/jitter_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace carillon::jitter {
namespace {

constexpr unsigned kDryBeforeRestart = 25;  // half a second of 20 ms pops: the sender stopped, gather again

/// The 64-bit value nearest to `reference` whose low bits are `value`.
template <class Signed, class Unsigned>
std::int64_t extend(Unsigned value, const std::optional<std::int64_t>& reference) {
    if (!reference) return value;
    const auto difference = static_cast<Signed>(static_cast<Unsigned>(value - static_cast<Unsigned>(*reference)));
    return *reference + difference;
}

}  // namespace

std::int64_t JitterBuffer::span() const {
    return packets_.empty() ? 0 : packets_.rbegin()->first - packets_.begin()->first;
}

std::chrono::milliseconds JitterBuffer::depth() const { return std::chrono::milliseconds{span() * 1000 / clock_rate_}; }

JitterBuffer::Push JitterBuffer::push(std::uint16_t sequence, std::uint32_t timestamp, std::uint8_t payload_type,
                                      Bytes payload) {
    auto time = extend<std::int32_t>(timestamp, latest_timestamp_);
    // A sender that restarted its clock (transfer, re-INVITE style) would otherwise be "late" for ever.
    if (latest_timestamp_ && std::abs(time - *latest_timestamp_) > std::int64_t{clock_rate_} * 30) {
        packets_.clear();
        latest_sequence_.reset();
        latest_timestamp_.reset();
        time = timestamp;
        playing_ = started_ = false;
        dry_ = 0;
    }
    const auto number = extend<std::int16_t>(sequence, latest_sequence_);
    if (started_ && time < next_) {
        ++counters_.late;
        return Push::late;
    }
    if (packets_.contains(time)) {
        ++counters_.duplicate;
        return Push::duplicate;
    }
    if (packets_.size() >= limits_.packets) {
        ++counters_.overflow;
        return Push::overflow;
    }
    packets_.emplace(time, Packet{number, payload_type, {payload.begin(), payload.end()}});
    if (!latest_timestamp_ || time > *latest_timestamp_) latest_timestamp_ = time;
    if (!latest_sequence_ || number > *latest_sequence_) latest_sequence_ = number;
    ++counters_.queued;
    return Push::queued;
}

JitterBuffer::Playout JitterBuffer::pop() {
    if (!playing_) {
        if (packets_.empty() || span() < ticks(limits_.target)) return {};
        playing_ = true;
        dry_ = 0;
        waited_ = 0;
        next_ = packets_.begin()->first;
        last_played_ = packets_.begin()->second.sequence - 1;
        started_ = true;
    }
    if (packets_.empty()) {
        ++counters_.stalled;
        if (++dry_ >= kDryBeforeRestart) playing_ = false;
        return {};
    }
    dry_ = 0;
    while (packets_.size() > 1 && packets_.rbegin()->first - packets_.begin()->first > ticks(limits_.maximum)) {
        packets_.erase(packets_.begin());
        ++counters_.skipped;
        next_ = packets_.begin()->first;
        last_played_ = packets_.begin()->second.sequence - 1;
    }
    const auto first = packets_.begin();
    const auto passed = std::clamp<std::int64_t>(first->first - next_, 0, waited_);
    const auto late = static_cast<std::uint32_t>(std::exchange(waited_, 0) - passed);
    next_ += passed;
    if (first->first > next_) {
        const bool paused = first->second.sequence == last_played_ + 1;
        if (!paused) ++counters_.missing;
        return {.state = paused ? State::silence : State::missing, .payload = {}, .late = late};
    }
    Playout out{State::frame, first->second.payload_type, std::move(first->second.payload), late};
    last_played_ = first->second.sequence;
    next_ = first->first;
    packets_.erase(first);
    ++counters_.played;
    return out;
}

}  // namespace carillon::jitter
