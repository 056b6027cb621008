#include "signaling/files/answers.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "signaling/files/media_type.h"

namespace carillon::files {
namespace {

constexpr long long kCacheAtMost = 365LL * 24 * 3600;

http::Response with_cors(http::Response response) {
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
    response.headers.emplace_back("Access-Control-Expose-Headers",
                                  "Accept-Ranges, Content-Disposition, Content-Range, ETag");
    response.headers.emplace_back("Cross-Origin-Resource-Policy", "cross-origin");
    return response;
}

/// §13.2.2 steps 3 and 4: the client has it already.
bool is_known(const http::Request& request, const std::string& tag, const std::string& modified) {
    if (const auto field = request.field("if-none-match"); !field.empty()) return names_tag(field, tag);
    return request.field("if-modified-since") == modified;  // the content never changes, so neither does the date
}

/// §13.1.5: a part only of what the client has the rest of.
bool range_holds(const http::Request& request, const std::string& tag, const std::string& modified) {
    const auto field = request.field("if-range");
    return field.empty() || field == tag || field == modified;
}

std::string cache_control(const storage::Upload& upload, WallTime now) {
    auto seconds = kCacheAtMost;
    if (upload.expires != WallTime::max())
        seconds = std::min<long long>(seconds,
                                      std::chrono::duration_cast<std::chrono::seconds>(upload.expires - now).count());
    return "private, max-age=" + std::to_string(seconds) + ", immutable";
}

}  // namespace

http::Response refuse(unsigned status, std::string_view text) { return with_cors(http::plain(status, text)); }

http::Response not_allowed() {
    auto out = refuse(405, "Files are put, and got.\n");
    out.headers.emplace_back("Allow", "OPTIONS, HEAD, GET, PUT");
    return out;
}

http::Response preflight() {
    auto out = refuse(204, {});
    out.headers.emplace_back("Access-Control-Allow-Methods", "OPTIONS, HEAD, GET, PUT");
    out.headers.emplace_back("Access-Control-Allow-Headers",
                             "Authorization, Content-Type, If-Range, If-None-Match, Range");
    out.headers.emplace_back("Access-Control-Max-Age", "7200");
    out.headers.emplace_back("Allow", "OPTIONS, HEAD, GET, PUT");
    return out;
}

http::Response created() { return refuse(201, "The file is there.\n"); }

std::string http_date(WallTime time) {
    constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto seconds =
        std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                  kDays[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                  kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                  parts.tm_sec);
    return text.data();
}

Description describe(const http::Request& request, const storage::Upload& upload, WallTime now) {
    const auto tag = '"' + upload.hash + '"';
    const auto modified = http_date(upload.created);
    Description out{with_cors({}), {0, upload.size}};
    auto& response = out.response;
    response.type = served_type(upload.type);
    response.headers.emplace_back("ETag", tag);
    response.headers.emplace_back("Last-Modified", modified);
    response.headers.emplace_back("Cache-Control", cache_control(upload, now));
    response.headers.emplace_back("Accept-Ranges", "bytes");
    response.headers.emplace_back("Content-Disposition", content_disposition(upload.type, upload.name));
    // Whatever slips through as a page may load nothing, run nothing and be framed by nobody.
    response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
    if (is_known(request, tag, modified)) {
        response.status = 304;
        return out;
    }
    if (request.method != "GET" || !range_holds(request, tag, modified)) return out;  // §14.2: of GET alone
    const auto wanted = select_range(request.field("range"), upload.size);
    const auto size = std::to_string(upload.size);
    if (wanted.kind == RangeAnswer::Kind::unsatisfiable) {
        out.response = refuse(416, "The file is not that long.\n");
        out.response.headers.emplace_back("Content-Range", "bytes */" + size);
    } else if (wanted.kind == RangeAnswer::Kind::part) {
        out.range = wanted.range;
        response.status = 206;
        response.headers.emplace_back("Content-Range", "bytes " + std::to_string(out.range.begin) + '-' +
                                                           std::to_string(out.range.begin + out.range.length - 1) +
                                                           '/' + size);
    }
    return out;
}

}  // namespace carillon::files
