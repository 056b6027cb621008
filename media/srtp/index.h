/// Packet indices: the guess of the roll-over counter, and which indices have been seen.
/// Spec: RFC 3711 §3.3.1 (index), §3.3.2 (replay list), appendix A.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace carillon::srtp {

/// Appendix A: the 48-bit index that is nearest to the highest one seen.
constexpr std::uint64_t guess_index(std::uint64_t highest, std::uint16_t sequence) {
    const auto roc = highest >> 16;
    const auto last = static_cast<std::int32_t>(highest & 0xFFFF);
    const auto now = static_cast<std::int32_t>(sequence);
    std::uint64_t v = roc;
    if (last < 0x8000) {
        if (now - last > 0x8000 && roc > 0) v = roc - 1;
    } else if (last - 0x8000 > now) {
        v = (roc + 1) & 0xFFFFFFFF;
    }
    return (v << 16) | sequence;
}

/// The last `Bits` indices, as a ring of words. Bits: a power of two, 64 at least.
template <std::size_t Bits>
class ReplayWindow {
  public:
    bool started() const { return started_; }
    std::uint64_t highest() const { return highest_; }

    /// Whether that index is new and not older than the window.
    bool fresh(std::uint64_t index) const {
        if (!started_ || index > highest_) return true;
        return highest_ - index < Bits && (words_[word(index)] & bit(index)) == 0;
    }
    void mark(std::uint64_t index) {
        if (!started_) {
            words_.fill(0);
            highest_ = index;
            started_ = true;
        } else if (index > highest_) {
            advance(index);
        }
        words_[word(index)] |= bit(index);
    }
    /// By index modulo Bits. Above the highest one's bit its word tells of the oldest indices.
    const std::array<std::uint64_t, Bits / 64>& words() const { return words_; }
    /// Goes on where another one stood that has seen these.
    void resume(std::uint64_t index, const std::array<std::uint64_t, Bits / 64>& words) {
        words_ = words;
        // Whether these oldest ones have come is not known there.
        words_[word(index)] |= ~((bit(index) - 1) | bit(index));
        highest_ = index;
        started_ = true;
    }
    /// As if everything up to that index had been seen.
    void resume(std::uint64_t index) {
        highest_ = index;
        started_ = true;
        words_.fill(~std::uint64_t{0});
    }

  private:
    static constexpr std::size_t kWords = Bits / 64;
    static constexpr std::size_t word(std::uint64_t index) { return (index / 64) % kWords; }
    static constexpr std::uint64_t bit(std::uint64_t index) { return std::uint64_t{1} << (index % 64); }
    void advance(std::uint64_t index) {
        if (index - highest_ >= Bits) {
            words_.fill(0);
        } else {
            for (auto i = highest_ + 1; i <= index; ++i) words_[word(i)] &= ~bit(i);
        }
        highest_ = index;
    }

    std::array<std::uint64_t, kWords> words_{};
    std::uint64_t highest_ = 0;
    bool started_ = false;
};

}  // namespace carillon::srtp
