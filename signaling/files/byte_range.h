/// Which part of a file a request wants.
/// Spec: RFC 9110 §14.1.2 (byte ranges), §14.2 (Range), §13.1.2 (If-None-Match), §13.1.5 (If-Range).
/// Not here: several ranges at once, which may be answered with the whole (§14.2).
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::files {

struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t length = 0;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct RangeAnswer {
    enum class Kind : std::uint8_t { whole, part, unsatisfiable };
    Kind kind = Kind::whole;
    ByteRange range;
};

/// `field`: the value of Range, maybe empty; what is no such thing asks for the whole.
RangeAnswer select_range(std::string_view field, std::uint64_t size);

/// Whether If-None-Match names this entity tag (written with its quotes), weakly compared, or is "*".
bool names_tag(std::string_view field, std::string_view tag);

}  // namespace carillon::files
