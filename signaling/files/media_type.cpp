#include "signaling/files/media_type.h"

#include <algorithm>
#include <array>

namespace carillon::files {
namespace {

constexpr std::string_view kOctets = "application/octet-stream";
constexpr std::array<std::string_view, 21> kShown{
    "image/jpeg", "image/png",  "image/gif",  "image/webp", "image/avif", "image/heic",      "image/heif",
    "audio/ogg",  "audio/opus", "audio/mpeg", "audio/mp4",  "audio/aac",  "audio/flac",      "audio/wav",
    "audio/webm", "audio/amr",  "video/mp4",  "video/webm", "video/ogg",  "video/quicktime", "text/plain"};

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) || std::string_view{"!#$&-^_.+"}.contains(static_cast<char>(c));
    });
}

/// §3.2.1: attr-char as it is, the rest encoded.
std::string extended(std::string_view text) {
    std::string out = "UTF-8''";
    for (const unsigned char c : text) {
        if (std::isalnum(c) || std::string_view{"!#$&+-.^_`|~"}.contains(static_cast<char>(c))) {
            out += static_cast<char>(c);
        } else {
            out += '%';
            out += "0123456789ABCDEF"[c >> 4];
            out += "0123456789ABCDEF"[c & 15];
        }
    }
    return out;
}

}  // namespace

std::string clean_media_type(std::string_view text) {
    text = text.substr(0, text.find(';'));
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    const auto slash = text.find('/');
    if (text.size() > 127 || slash == std::string_view::npos || !is_token(text.substr(0, slash)) ||
        !is_token(text.substr(slash + 1)))
        return std::string{kOctets};
    std::string type{text};
    for (auto& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return type;
}

bool may_be_inline(std::string_view type) { return std::ranges::find(kShown, type) != kShown.end(); }

std::string served_type(std::string_view type) {
    if (type == "text/plain") return "text/plain; charset=utf-8";
    if (may_be_inline(type)) return std::string{type};
    // A document that is no markup and no script keeps its name, so that the right program opens it.
    const bool harmless = type == "application/pdf" || type == "application/zip" || type == "text/vcard" ||
                          type == "text/calendar" || type == "application/gzip" || type.starts_with("application/vnd.");
    const bool markup = type.contains("xml") || type.contains("html") || type.contains("script");
    return std::string{harmless && !markup ? type : kOctets};
}

std::string content_disposition(std::string_view type, std::string_view name) {
    std::string plain;
    for (const unsigned char c : name)
        plain += c < 0x20 || c > 0x7E || c == '"' || c == '\\' ? '_' : static_cast<char>(c);
    std::string out{may_be_inline(type) ? "inline" : "attachment"};
    out += "; filename=\"" + plain + '"';
    if (plain != name) out += "; filename*=" + extended(name);
    return out;
}

bool fits_pattern(std::string_view type, std::string_view pattern) {
    if (pattern == "*" || pattern == "*/*") return true;
    if (pattern.ends_with("/*")) return type.starts_with(pattern.substr(0, pattern.size() - 1));
    return type == pattern;
}

}  // namespace carillon::files
