#include "media/video/vp8_payload.h"

#include <algorithm>

namespace carillon::video {
namespace {

bool bit(std::uint8_t octet, unsigned number) { return (octet >> number & 1) != 0; }

/// `in` stands behind the extension octet, which says what is there.
Parsed<void> read_extension(std::uint8_t extension, ByteReader& in, Vp8Descriptor& out) {
    if (bit(extension, 7)) {
        const auto first = in.u8();
        if (!first) return std::unexpected{Errc::truncated};
        out.picture_id = static_cast<std::uint16_t>(*first & 0x7F);
        if (bit(*first, 7)) {
            const auto second = in.u8();
            if (!second) return std::unexpected{Errc::truncated};
            out.long_picture_id = true;
            out.picture_id = static_cast<std::uint16_t>((*first & 0x7F) << 8 | *second);
        }
    }
    if (bit(extension, 6)) {
        out.tl0_picture_index = in.u8();
        if (!out.tl0_picture_index) return std::unexpected{Errc::truncated};
    }
    if (bit(extension, 5) || bit(extension, 4)) {
        const auto octet = in.u8();
        if (!octet) return std::unexpected{Errc::truncated};
        if (bit(extension, 5)) {
            out.temporal_layer = static_cast<std::uint8_t>(*octet >> 6);
            out.layer_sync = bit(*octet, 5);
        }
        if (bit(extension, 4)) out.key_index = static_cast<std::uint8_t>(*octet & 0x1F);
    }
    return {};
}

}  // namespace

Parsed<Vp8Descriptor> Vp8Descriptor::parse(Bytes payload) {
    ByteReader in{payload};
    const auto first = in.u8();
    if (!first) return std::unexpected{Errc::truncated};
    Vp8Descriptor out{.non_reference = bit(*first, 5),
                      .start = bit(*first, 4),
                      .partition = static_cast<std::uint8_t>(*first & 0x07),
                      .picture_id = {},
                      .tl0_picture_index = {},
                      .temporal_layer = {},
                      .key_index = {}};
    if (bit(*first, 7)) {
        const auto extension = in.u8();
        if (!extension) return std::unexpected{Errc::truncated};
        if (const auto read = read_extension(*extension, in, out); !read) return std::unexpected{read.error()};
    }
    out.size = payload.size() - in.size();
    if (in.empty()) return std::unexpected{Errc::truncated};  // §4.2: there is a payload behind it
    return out;
}

void Vp8Descriptor::write(std::vector<std::byte>& out) const {
    const bool extended = picture_id || tl0_picture_index || temporal_layer || key_index;
    out.push_back(static_cast<std::byte>(extended << 7 | non_reference << 5 | start << 4 | (partition & 7)));
    if (!extended) return;
    out.push_back(static_cast<std::byte>(picture_id.has_value() << 7 | tl0_picture_index.has_value() << 6 |
                                         temporal_layer.has_value() << 5 | key_index.has_value() << 4));
    if (picture_id && long_picture_id) out.push_back(static_cast<std::byte>(0x80 | *picture_id >> 8));
    if (picture_id) out.push_back(static_cast<std::byte>(long_picture_id ? *picture_id & 0xFF : *picture_id & 0x7F));
    if (tl0_picture_index) out.push_back(std::byte{*tl0_picture_index});
    if (temporal_layer || key_index)
        out.push_back(
            static_cast<std::byte>(temporal_layer.value_or(0) << 6 | layer_sync << 5 | (key_index.value_or(0) & 0x1F)));
}

Parsed<Vp8FrameHeader> Vp8FrameHeader::parse(Bytes frame) {
    if (frame.size() < 3) return std::unexpected{Errc::truncated};
    const auto octet = [&](std::size_t at) { return std::to_integer<unsigned>(frame[at]); };
    Vp8FrameHeader out{.key = (octet(0) & 1) == 0, .shown = (octet(0) >> 4 & 1) != 0};
    if (!out.key) return out;
    if (frame.size() < 10) return std::unexpected{Errc::truncated};
    if (octet(3) != 0x9D || octet(4) != 0x01 || octet(5) != 0x2A) return std::unexpected{Errc::bad_magic};
    out.width = static_cast<std::uint16_t>((octet(6) | octet(7) << 8) & 0x3FFF);
    out.height = static_cast<std::uint16_t>((octet(8) | octet(9) << 8) & 0x3FFF);
    if (out.width == 0 || out.height == 0) return std::unexpected{Errc::bad_value};
    return out;
}

std::vector<std::vector<std::byte>> packetize_vp8(Bytes frame, Vp8Descriptor descriptor, std::size_t most) {
    std::vector<std::vector<std::byte>> out;
    descriptor.partition = 0;  // §4.4: partitions need not be told apart
    descriptor.start = true;
    while (!frame.empty()) {
        std::vector<std::byte> payload;
        descriptor.write(payload);
        if (payload.size() >= most) return {};
        const auto piece = frame.first(std::min(frame.size(), most - payload.size()));
        payload.insert(payload.end(), piece.begin(), piece.end());
        out.push_back(std::move(payload));
        frame = frame.subspan(piece.size());
        descriptor.start = false;
    }
    return out;
}

}  // namespace carillon::video
