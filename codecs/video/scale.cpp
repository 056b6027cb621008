#include "codecs/video/scale.h"

#include <libyuv/scale.h>

namespace carillon::codecs {

void scale(const PictureView& from, Picture& out) {
    const auto chroma = static_cast<int>(out.chroma_width());
    libyuv::I420Scale(from.planes[0], static_cast<int>(from.strides[0]), from.planes[1],
                      static_cast<int>(from.strides[1]), from.planes[2], static_cast<int>(from.strides[2]),
                      static_cast<int>(from.width), static_cast<int>(from.height), out.y.data(),
                      static_cast<int>(out.width), out.u.data(), chroma, out.v.data(), chroma,
                      static_cast<int>(out.width), static_cast<int>(out.height), libyuv::kFilterBox);
}

}  // namespace carillon::codecs
