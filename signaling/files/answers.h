/// What is said over HTTP about uploaded files: conditions, ranges, and headers that keep browsers from running them.
/// Spec: RFC 9110 §8.8 (validators), §13.2.2 (order of conditions), §14; RFC 9111 §5.2.2 (Cache-Control);
/// Fetch §3.2 (CORS); XEP-0363 1.2.0 §10.
#pragma once
#include <string_view>

#include "config/base/clock.h"
#include "signaling/files/byte_range.h"
#include "signaling/http/routes.h"
#include "signaling/storage/upload_store.h"

namespace carillon::files {

/// All answers may be read by scripts of any page: the address is the permission.
http::Response refuse(unsigned status, std::string_view text);
http::Response not_allowed();
http::Response preflight();
http::Response created();

struct Description {
    http::Response response;  ///< 200 and 206 lack their content; 304 and 416 are whole
    ByteRange range;
};
Description describe(const http::Request& request, const storage::Upload& upload, WallTime now);

/// IMF-fixdate (RFC 9110 §5.6.7).
std::string http_date(WallTime time);

}  // namespace carillon::files
