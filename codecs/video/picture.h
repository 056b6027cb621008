/// Pictures as every codec takes and gives them: I420, owned or looked at in place.
/// Not here: making pictures smaller (scale.h), other colour formats.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace carillon::codecs {

/// Y, then U and V at half the width and height, rounded up. Rows are as long as the picture is wide.
struct Picture {
    unsigned width = 0, height = 0;
    std::vector<std::uint8_t> y, u, v;

    static Picture make(unsigned width, unsigned height);
    unsigned chroma_width() const { return (width + 1) / 2; }
    unsigned chroma_height() const { return (height + 1) / 2; }
};

/// The same in somebody else's memory: rows are `strides` octets apart.
struct PictureView {
    unsigned width = 0, height = 0;
    std::array<const std::uint8_t*, 3> planes{};
    std::array<std::ptrdiff_t, 3> strides{};

    PictureView() = default;
    PictureView(const Picture& picture);  // NOLINT(google-explicit-constructor): it is one
    unsigned chroma_width() const { return (width + 1) / 2; }
    unsigned chroma_height() const { return (height + 1) / 2; }
    /// The upper left of it.
    PictureView cropped(unsigned to_width, unsigned to_height) const;
};

Picture copy(const PictureView& view);

/// Peak signal-to-noise ratio of the luma in dB; 100 when equal, 0 for different sizes.
double psnr(const PictureView& a, const PictureView& b);

}  // namespace carillon::codecs
