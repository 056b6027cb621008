#include "media/video/frame_size.h"

#include <algorithm>
#include <array>

#include "media/video/bit_reader.h"
#include "media/video/h264_payload.h"
#include "media/video/vp8_payload.h"

namespace carillon::video {
namespace {

std::optional<FrameSize> of_vp8(Bytes frame) {
    const auto head = Vp8FrameHeader::parse(frame);
    if (!head || !head->key || head->width == 0 || head->height == 0) return std::nullopt;
    return FrameSize{head->width, head->height};
}

/// §6.2, §6.2.2 (color_config), §6.2.3 (frame_size).
std::optional<FrameSize> of_vp9(Bytes frame) {
    BitReader in{frame};
    if (in.bits(2) != 2) return std::nullopt;  // frame_marker
    const auto profile = in.bits(1) | in.bits(1) << 1;
    if (profile == 3) in.bits(1);
    if (in.flag()) return std::nullopt;        // show_existing_frame
    if (in.bits(1) != 0) return std::nullopt;  // frame_type: not a key frame
    in.bits(2);                                // show_frame, error_resilient_mode
    if (in.bits(24) != 0x49'83'42) return std::nullopt;
    if (profile >= 2) in.bits(1);  // ten or twelve bits
    constexpr unsigned kRgb = 7;
    if (in.bits(3) != kRgb) {
        in.bits(1);
        if (profile == 1 || profile == 3) in.bits(3);
    } else if (profile == 1 || profile == 3) {
        in.bits(1);
    } else {
        return std::nullopt;
    }
    const auto width = in.bits(16) + 1;
    const auto height = in.bits(16) + 1;
    if (!in.good()) return std::nullopt;
    return FrameSize{width, height};
}

/// Without emulation prevention octets (§7.4.1).
std::vector<std::byte> raw(Bytes unit) {
    std::vector<std::byte> out;
    unsigned zeros = 0;
    for (const auto octet : unit) {
        if (zeros >= 2 && octet == std::byte{3}) {
            zeros = 0;
            continue;
        }
        zeros = octet == std::byte{0} ? zeros + 1 : 0;
        out.push_back(octet);
    }
    return out;
}

void skip_scaling_list(BitReader& in, unsigned size) {
    std::int32_t last = 8, next = 8;
    for (unsigned i = 0; i < size && in.good(); ++i) {
        if (next != 0)
            next = static_cast<std::int32_t>(static_cast<std::uint32_t>(last + in.signed_exp_golomb()) & 0xFF);
        if (next != 0) last = next;
    }
}

/// The profiles that say which chroma they have.
std::uint32_t chroma_of(BitReader& in, std::uint32_t profile) {
    constexpr std::array kHigh{100u, 110u, 122u, 244u, 44u, 83u, 86u, 118u, 128u, 138u, 139u, 134u, 135u};
    if (std::ranges::find(kHigh, profile) == kHigh.end()) return 1;
    const auto chroma = in.exp_golomb();
    if (chroma == 3) in.bits(1);
    in.exp_golomb();  // bit depths
    in.exp_golomb();
    in.bits(1);
    if (in.flag())
        for (unsigned i = 0; i < (chroma == 3 ? 12u : 8u); ++i)
            if (in.flag()) skip_scaling_list(in, i < 6 ? 16 : 64);
    return chroma;
}

void skip_picture_order(BitReader& in) {
    const auto type = in.exp_golomb();
    if (type == 0) in.exp_golomb();
    if (type != 1) return;
    in.bits(1);
    in.signed_exp_golomb();
    in.signed_exp_golomb();
    const auto count = std::min(in.exp_golomb(), 255u);
    for (std::uint32_t i = 0; i < count && in.good(); ++i) in.signed_exp_golomb();
}

std::optional<FrameSize> of_sps(Bytes unit) {
    const auto octets = raw(unit);
    if (octets.size() < 5) return std::nullopt;
    BitReader in{Bytes{octets}.subspan(4)};
    in.exp_golomb();  // seq_parameter_set_id
    const auto chroma = chroma_of(in, std::to_integer<std::uint32_t>(octets[1]));
    in.exp_golomb();  // log2_max_frame_num
    skip_picture_order(in);
    in.exp_golomb();  // max_num_ref_frames
    in.bits(1);
    const auto columns = in.exp_golomb() + 1;
    const auto rows = in.exp_golomb() + 1;
    const auto fields = in.flag() ? 1u : 2u;  // frame_mbs_only_flag
    if (fields == 2) in.bits(1);
    in.bits(1);
    std::array<std::uint32_t, 4> crop{};  // left, right, top, bottom
    if (in.flag())
        for (auto& each : crop) each = in.exp_golomb();
    constexpr std::uint32_t kMost = 1'024;  // macroblocks
    if (!in.good() || columns > kMost || rows > kMost) return std::nullopt;
    const auto unit_x = chroma == 1 || chroma == 2 ? 2u : 1u;
    const auto unit_y = (chroma == 1 ? 2u : 1u) * fields;
    const auto width = columns * 16u, height = rows * 16u * fields;
    const auto across = (std::uint64_t{crop[0]} + crop[1]) * unit_x, down = (std::uint64_t{crop[2]} + crop[3]) * unit_y;
    if (across >= width || down >= height) return std::nullopt;
    return FrameSize{static_cast<unsigned>(width - across), static_cast<unsigned>(height - down)};
}

std::optional<FrameSize> of_h264(Bytes frame) {
    for (const auto unit : nal_units(frame))
        if (nal_type(unit) == kNalSps) return of_sps(unit);
    return std::nullopt;
}

}  // namespace

std::optional<FrameSize> frame_size(VideoFormat format, Bytes frame) {
    switch (format) {
        case VideoFormat::vp8:
            return of_vp8(frame);
        case VideoFormat::vp9:
            return of_vp9(frame);
        case VideoFormat::h264:
            return of_h264(frame);
    }
    return std::nullopt;
}

}  // namespace carillon::video
