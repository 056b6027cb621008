#include "media/video/vp9_payload.h"

#include <algorithm>

namespace carillon::video {
namespace {

bool bit(std::uint8_t octet, unsigned number) { return (octet >> number & 1) != 0; }

Parsed<void> read_picture_id(ByteReader& in, Vp9Descriptor& out) {
    const auto first = in.u8();
    if (!first) return std::unexpected{Errc::truncated};
    out.picture_id = static_cast<std::uint16_t>(*first & 0x7F);
    if (!bit(*first, 7)) return {};
    const auto second = in.u8();
    if (!second) return std::unexpected{Errc::truncated};
    out.long_picture_id = true;
    out.picture_id = static_cast<std::uint16_t>((*first & 0x7F) << 8 | *second);
    return {};
}

Parsed<void> read_layers(ByteReader& in, Vp9Descriptor& out) {
    const auto octet = in.u8();
    if (!octet) return std::unexpected{Errc::truncated};
    out.temporal_layer = static_cast<std::uint8_t>(*octet >> 5);
    out.switching_up = bit(*octet, 4);
    out.spatial_layer = static_cast<std::uint8_t>(*octet >> 1 & 0x07);
    out.inter_layer = bit(*octet, 0);
    if (out.flexible) return {};
    out.tl0_picture_index = in.u8();
    if (!out.tl0_picture_index) return std::unexpected{Errc::truncated};
    return {};
}

Parsed<void> read_references(ByteReader& in, Vp9Descriptor& out) {
    for (bool more = true; more;) {
        if (out.reference_count == out.references.size()) return std::unexpected{Errc::bad_value};
        const auto octet = in.u8();
        if (!octet) return std::unexpected{Errc::truncated};
        if (*octet >> 1 == 0) return std::unexpected{Errc::bad_value};  // itself
        out.references[out.reference_count++] = static_cast<std::uint8_t>(*octet >> 1);
        more = bit(*octet, 0);
    }
    return {};
}

/// |N_S|Y|G|-|-|-|, sizes with Y, with G: N_G and |TID|U|R|-|-| and R differences for each.
Parsed<void> read_structure(ByteReader& in, Vp9Descriptor& out) {
    const auto head = in.u8();
    if (!head) return std::unexpected{Errc::truncated};
    Vp9Structure structure{.spatial_layers = static_cast<std::uint8_t>((*head >> 5) + 1), .sizes = {}};
    if (bit(*head, 4)) {
        for (unsigned i = 0; i < structure.spatial_layers; ++i) {
            const auto width = in.u16(), height = in.u16();
            if (!width || !height) return std::unexpected{Errc::truncated};
            structure.sizes.push_back({*width, *height});
        }
    }
    if (bit(*head, 3)) {
        const auto pictures = in.u8();
        if (!pictures) return std::unexpected{Errc::truncated};
        structure.group_pictures = *pictures;
        for (unsigned i = 0; i < *pictures; ++i) {
            const auto picture = in.u8();
            if (!picture || !in.skip(*picture >> 2 & 0x03)) return std::unexpected{Errc::truncated};
        }
    }
    out.structure = std::move(structure);
    return {};
}

}  // namespace

Parsed<Vp9Descriptor> Vp9Descriptor::parse(Bytes payload) {
    ByteReader in{payload};
    const auto first = in.u8();
    if (!first) return std::unexpected{Errc::truncated};
    Vp9Descriptor out{.picture_id = {},
                      .inter_predicted = bit(*first, 6),
                      .flexible = bit(*first, 4),
                      .start = bit(*first, 3),
                      .end = bit(*first, 2),
                      .not_for_upper = bit(*first, 0),
                      .temporal_layer = {},
                      .spatial_layer = {},
                      .tl0_picture_index = {},
                      .structure = {}};
    Parsed<void> read;
    if (bit(*first, 7)) read = read_picture_id(in, out);
    if (read && bit(*first, 5)) read = read_layers(in, out);
    if (read && out.flexible && out.inter_predicted) read = read_references(in, out);
    if (read && bit(*first, 1)) read = read_structure(in, out);
    if (!read) return std::unexpected{read.error()};
    if (out.flexible && !out.picture_id) return std::unexpected{Errc::bad_value};  // §4.2: F wants I
    out.size = payload.size() - in.size();
    if (in.empty()) return std::unexpected{Errc::truncated};
    return out;
}

void Vp9Descriptor::write(std::vector<std::byte>& out) const {
    const bool layers = temporal_layer || spatial_layer;
    out.push_back(static_cast<std::byte>(picture_id.has_value() << 7 | inter_predicted << 6 | layers << 5 |
                                         flexible << 4 | start << 3 | end << 2 | not_for_upper));
    if (picture_id && long_picture_id) out.push_back(static_cast<std::byte>(0x80 | *picture_id >> 8));
    if (picture_id) out.push_back(static_cast<std::byte>(long_picture_id ? *picture_id & 0xFF : *picture_id & 0x7F));
    if (layers) {
        out.push_back(static_cast<std::byte>(temporal_layer.value_or(0) << 5 | switching_up << 4 |
                                             spatial_layer.value_or(0) << 1 | inter_layer));
        if (!flexible) out.push_back(std::byte{tl0_picture_index.value_or(0)});
    }
    if (!flexible || !inter_predicted) return;
    for (unsigned i = 0; i < reference_count; ++i)
        out.push_back(static_cast<std::byte>(references[i] << 1 | (i + 1u < reference_count)));
}

std::vector<std::vector<std::byte>> packetize_vp9(Bytes frame, Vp9Descriptor descriptor, std::size_t most) {
    std::vector<std::vector<std::byte>> out;
    descriptor.start = true;
    descriptor.end = false;
    while (!frame.empty()) {
        std::vector<std::byte> payload;
        descriptor.write(payload);
        if (payload.size() >= most) return {};
        const auto piece = frame.first(std::min(frame.size(), most - payload.size()));
        payload.insert(payload.end(), piece.begin(), piece.end());
        frame = frame.subspan(piece.size());
        if (frame.empty()) payload[0] |= std::byte{0x04};  // E
        out.push_back(std::move(payload));
        descriptor.start = false;
    }
    return out;
}

}  // namespace carillon::video
