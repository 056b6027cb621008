/// The addresses of uploaded files: where a slot's content goes, signed and for a time, and where it is found.
/// Spec: XEP-0363 1.1.0 §6 (slots), RFC 3986 §2 (percent-encoding), RFC 2104 (HMAC).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "config/base/clock.h"
#include "config/base/secret.h"

namespace carillon::files {

inline constexpr std::string_view kTree = "/upload/";
inline constexpr std::string_view kThumbnailQuery = "thumbnail";

struct FileAddress {
    std::string id;
    std::string name;  ///< decoded
};

/// Unguessable.
std::string make_file_id();
/// "/upload/ID/NAME", the name encoded.
std::string file_path(std::string_view id, std::string_view name);
/// Nothing for whatever has not exactly that shape, spelled exactly so.
std::optional<FileAddress> parse_file_path(std::string_view path);

/// The query that lets the content of `id` be put until `expires`.
std::string sign_slot(const Secret& secret, std::string_view id, WallTime expires);
enum class SlotVerdict { good, expired, forged };
SlotVerdict check_slot(const Secret& secret, std::string_view id, std::string_view query, WallTime now);

/// A name that any file system would bear, shown to people: path parts and control characters are gone.
std::string safe_name(std::string_view name);

}  // namespace carillon::files
