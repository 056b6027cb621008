/// Bits of a head, the highest first; what is behind the end reads as 0 and is told by good().
/// Spec: ITU-T H.264 §9.1 (Exp-Golomb).
#pragma once
#include <cstdint>

#include "config/base/bytes.h"

namespace carillon::video {

class BitReader {
  public:
    explicit BitReader(Bytes bytes) : bytes_{bytes} {}

    std::uint32_t bits(unsigned count) {
        std::uint32_t value = 0;
        for (; count > 0; --count) value = value << 1 | bit();
        return value;
    }
    bool flag() { return bit() != 0; }
    /// ue(v)
    std::uint32_t exp_golomb() {
        unsigned zeros = 0;
        while (good_ && zeros < 32 && bit() == 0) ++zeros;
        if (zeros >= 32) good_ = false;
        return good_ ? (std::uint32_t{1} << zeros) - 1 + bits(zeros) : 0;
    }
    /// se(v): 0, 1, -1, 2, -2 ...
    std::int32_t signed_exp_golomb() {
        const auto code = exp_golomb();
        const auto half = static_cast<std::int32_t>(code / 2);
        return code % 2 != 0 ? half + 1 : -half;
    }
    bool good() const { return good_; }

  private:
    std::uint32_t bit() {
        if (at_ >= bytes_.size() * 8) {
            good_ = false;
            return 0;
        }
        const auto octet = std::to_integer<unsigned>(bytes_[at_ / 8]);
        return octet >> (7 - at_++ % 8) & 1;
    }

    Bytes bytes_;
    std::size_t at_ = 0;
    bool good_ = true;
};

}  // namespace carillon::video
