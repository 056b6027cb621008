/// VP9 in RTP: the descriptor before each payload, and frames cut into packets.
/// Spec: RFC 9628 §4.2 (payload descriptor), §4.2.1 (scalability structure), §4.1 (packets and frames).
/// Not here: putting packets together (frame_assembler.h), coding (codecs/vpx).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::video {

/// What the layers of a stream are.
struct Vp9Structure {
    struct Size {
        std::uint16_t width = 0, height = 0;
        friend bool operator==(const Size&, const Size&) = default;
    };
    std::uint8_t spatial_layers = 1;
    std::vector<Size> sizes;          ///< of each spatial layer, where they are told
    std::uint8_t group_pictures = 0;  ///< pictures that the pattern of prediction has; 0: not told
    friend bool operator==(const Vp9Structure&, const Vp9Structure&) = default;
};

///      0 1 2 3 4 5 6 7
///     |I|P|L|F|B|E|V|Z|   required
/// I:  |M| PICTURE ID  |   and 8 bits more with M
/// L:  | TID |U| SID |D|   and, not flexible, TL0PICIDX
/// P,F:| P_DIFF      |N|   up to three times
/// V:  | SS            |
struct Vp9Descriptor {
    std::optional<std::uint16_t> picture_id;
    bool long_picture_id = false;  ///< of 15 bits
    bool inter_predicted = false;  ///< P; without: a key picture, when it is the lowest layer
    bool flexible = false;         ///< F
    bool start = false;            ///< B: a frame begins
    bool end = false;              ///< E: a frame ends
    bool not_for_upper = false;    ///< Z: upper spatial layers are not predicted from it
    std::optional<std::uint8_t> temporal_layer, spatial_layer;
    bool switching_up = false;  ///< U
    bool inter_layer = false;   ///< D
    std::optional<std::uint8_t> tl0_picture_index;
    std::array<std::uint8_t, 3> references{};  ///< P_DIFF
    std::uint8_t reference_count = 0;
    std::optional<Vp9Structure> structure;
    std::size_t size = 0;  ///< octets up to the VP9 payload

    static Parsed<Vp9Descriptor> parse(Bytes payload);
    /// All but the structure, which only senders with layers need to tell.
    void write(std::vector<std::byte>& out) const;
    bool starts_picture() const { return start && spatial_layer.value_or(0) == 0; }
    bool is_key() const { return !inter_predicted && spatial_layer.value_or(0) == 0; }
};

/// RTP payloads of `most` octets at most, in order; the last one gets the marker. B and E are set here.
std::vector<std::vector<std::byte>> packetize_vp9(Bytes frame, Vp9Descriptor descriptor, std::size_t most);

}  // namespace carillon::video
