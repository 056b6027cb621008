/// Pictures made smaller or larger, by libyuv.
#pragma once
#include "codecs/video/picture.h"

namespace carillon::codecs {

/// Into `out`, which is of the size wanted.
void scale(const PictureView& from, Picture& out);

}  // namespace carillon::codecs
