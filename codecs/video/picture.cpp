#include "codecs/video/picture.h"

#include <algorithm>
#include <cmath>

namespace carillon::codecs {
namespace {

std::vector<std::uint8_t> rows(const std::uint8_t* from, std::ptrdiff_t stride, unsigned width, unsigned height) {
    std::vector<std::uint8_t> out(std::size_t{width} * height);
    for (unsigned row = 0; row < height; ++row)
        std::copy_n(from + static_cast<std::ptrdiff_t>(row) * stride, width,
                    out.begin() + static_cast<std::ptrdiff_t>(std::size_t{row} * width));
    return out;
}

}  // namespace

Picture Picture::make(unsigned width, unsigned height) {
    Picture out{.width = width, .height = height, .y = {}, .u = {}, .v = {}};
    out.y.resize(std::size_t{width} * height);
    out.u.assign(std::size_t{out.chroma_width()} * out.chroma_height(), 128);
    out.v = out.u;
    return out;
}

PictureView::PictureView(const Picture& picture)
    : width{picture.width},
      height{picture.height},
      planes{picture.y.data(), picture.u.data(), picture.v.data()},
      strides{picture.width, picture.chroma_width(), picture.chroma_width()} {}

PictureView PictureView::cropped(unsigned to_width, unsigned to_height) const {
    auto out = *this;
    out.width = std::min(width, to_width);
    out.height = std::min(height, to_height);
    return out;
}

Picture copy(const PictureView& view) {
    Picture out{.width = view.width, .height = view.height, .y = {}, .u = {}, .v = {}};
    out.y = rows(view.planes[0], view.strides[0], view.width, view.height);
    out.u = rows(view.planes[1], view.strides[1], view.chroma_width(), view.chroma_height());
    out.v = rows(view.planes[2], view.strides[2], view.chroma_width(), view.chroma_height());
    return out;
}

double psnr(const PictureView& a, const PictureView& b) {
    if (a.width != b.width || a.height != b.height || a.width == 0 || a.height == 0) return 0;
    double sum = 0;
    for (unsigned row = 0; row < a.height; ++row) {
        const auto* left = a.planes[0] + static_cast<std::ptrdiff_t>(row) * a.strides[0];
        const auto* right = b.planes[0] + static_cast<std::ptrdiff_t>(row) * b.strides[0];
        for (unsigned i = 0; i < a.width; ++i) sum += (left[i] - right[i]) * (left[i] - right[i]);
    }
    return sum == 0 ? 100 : 10 * std::log10(255.0 * 255.0 * a.width * a.height / sum);
}

}  // namespace carillon::codecs
