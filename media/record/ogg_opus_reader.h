/// Ogg/Opus files as packets: what this server recorded, whole or cut off anywhere, and what others made.
/// Spec: RFC 3533 §6 (pages), RFC 7845 §3, §5.1 (OpusHead), §4.3 (length from granule positions).
/// Not here: decoding; other streams than the first; seeking.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "config/base/bytes.h"
#include "config/base/errc.h"

namespace carillon::record {

struct OggOpusFile {
    unsigned channels = 1;
    unsigned pre_skip = 0;  ///< samples at 48 kHz that are not played
    std::vector<std::vector<std::byte>> packets;
    std::uint64_t samples = 0;  ///< at 48 kHz, of the packets
    bool complete = false;      ///< the mark of the last page is there

    /// What is played.
    std::chrono::milliseconds length() const {
        return std::chrono::milliseconds{samples > pre_skip ? (samples - pre_skip) / 48 : 0};
    }
};

/// Reads up to the first damaged page; an error only when the file does not begin as such a file does. Packets that
/// are not Opus are left out. Mapping families other than 0 are not supported.
Parsed<OggOpusFile> parse_ogg_opus(Bytes file);

/// A file of at most 64 MiB; the error is a sentence for people.
std::expected<OggOpusFile, std::string> load_ogg_opus(const std::string& path);

}  // namespace carillon::record
