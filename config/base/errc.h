/// Why bytes could not be parsed. Parsers answer std::expected<T, Errc>; they neither throw nor log.
#pragma once
#include <expected>
#include <string_view>

namespace carillon {

enum class Errc {
    truncated,       ///< ends before a field it promises
    trailing_bytes,  ///< goes on after its end
    bad_magic,       ///< not this protocol at all
    bad_version,
    bad_length,  ///< a length field contradicts the bytes
    bad_value,   ///< a field is outside what its specification allows
    too_large,   ///< over a limit of ours
    unsupported,
    bad_integrity,  ///< a MAC or checksum does not match
};

template <class T>
using Parsed = std::expected<T, Errc>;

constexpr std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::truncated:
            return "truncated";
        case Errc::trailing_bytes:
            return "trailing bytes";
        case Errc::bad_magic:
            return "bad magic";
        case Errc::bad_version:
            return "bad version";
        case Errc::bad_length:
            return "bad length";
        case Errc::bad_value:
            return "bad value";
        case Errc::too_large:
            return "too large";
        case Errc::unsupported:
            return "unsupported";
        case Errc::bad_integrity:
            return "bad integrity";
    }
    return "unknown";
}

}  // namespace carillon
