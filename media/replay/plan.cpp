#include "media/replay/plan.h"

#include <algorithm>

namespace carillon::replay {
namespace {

constexpr Time kReorderDelay = std::chrono::milliseconds{20};

/// SplitMix64 (Steele, Lea, Flood 2014): the standard's distributions differ from library to library.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_{seed} {}
    double roll() {  // 0 to just under 1
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
    }

  private:
    std::uint64_t state_;
};

}  // namespace

std::vector<CapturedPacket> plan(std::span<const CapturedPacket> packets, double speed) {
    std::vector<CapturedPacket> planned{packets.begin(), packets.end()};
    if (planned.empty()) return planned;
    const auto start = planned.front().time;
    for (auto& packet : planned) {
        packet.time = Time{static_cast<std::int64_t>(static_cast<double>((packet.time - start).count()) / speed)};
    }
    return planned;
}

std::vector<CapturedPacket> impair(std::span<const CapturedPacket> packets, const Impairments& impairments) {
    Dice dice{impairments.seed};
    std::vector<CapturedPacket> arriving;
    for (const auto& packet : packets) {
        // Every die is rolled for every packet, so that one probability does not change what another does.
        const bool lost = dice.roll() < impairments.loss, twice = dice.roll() < impairments.duplicate,
                   late = dice.roll() < impairments.reorder;
        const Time wobble{static_cast<std::int64_t>(dice.roll() * static_cast<double>(impairments.jitter.count()))};
        if (lost) continue;
        auto arrival = packet;
        arrival.time += impairments.delay + wobble + (late ? kReorderDelay + std::chrono::milliseconds{5} : Time{});
        if (twice) arriving.push_back(arrival);
        arriving.push_back(std::move(arrival));
    }
    std::ranges::stable_sort(arriving, {}, &CapturedPacket::time);
    return arriving;
}

}  // namespace carillon::replay
