/// Where a stream of Ogg pages that its writer left behind can go on: behind its last whole page.
/// Spec: RFC 3533 §6.
/// Not here: writing (ogg_opus_writer.h), reading packets (ogg_opus_reader.h).
#pragma once
#include <cstdint>
#include <optional>

#include "media/record/append_file.h"

namespace carillon::record {

struct OggTail {
    std::uint32_t serial = 0;
    std::uint32_t sequence = 0;  ///< of the last page
    std::uint64_t granule = 0;   ///< of the last page that has one
    std::uint64_t page = 0;      ///< where the last page begins
    std::uint64_t end = 0;       ///< and where it ends: what stands behind is no whole page
    bool empty = false;          ///< nothing is on the last page
    bool closed = false;         ///< it has the mark of the last page
};

/// Nothing when the file does not begin with a page, or its end has none of the same stream.
std::optional<OggTail> find_tail(const AppendFile& file);

/// Takes the mark of the last page away again.
bool reopen_stream(AppendFile& file, const OggTail& tail);

}  // namespace carillon::record
