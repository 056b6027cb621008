/// The key that proves, by a call back to the domain that it claims, who opened a stream.
/// Spec: XEP-0220 (server dialback), XEP-0185 (keys).
#pragma once
#include <string>
#include <string_view>

#include "config/base/secret.h"

namespace carillon::federation {

inline constexpr std::string_view kDialback = "jabber:server:dialback";

/// XEP-0185 §2: HMAC-SHA256 with the hash of the server's secret over the receiving server, the originating server and
/// the id of the stream. Hexadecimal, 64 digits.
std::string dialback_key(const Secret& secret, std::string_view receiving, std::string_view originating,
                         std::string_view stream_id);
/// <db:result/> or <db:verify/> as text. The prefix is written as everybody writes it: some servers look at nothing
/// else. Empty attributes are left out.
std::string dialback_element(std::string_view name, std::string_view from, std::string_view to, std::string_view id,
                             std::string_view type, std::string_view key = {});
/// The same with type='error': `condition` is a stanza error's (XEP-0220 §2.5).
std::string dialback_error(std::string_view name, std::string_view from, std::string_view to, std::string_view id,
                           std::string_view condition);
/// In constant time.
bool same_key(std::string_view a, std::string_view b);

}  // namespace carillon::federation
