/// How a component proves that it knows its secret.
/// Spec: XEP-0114 §3.
#pragma once
#include <string>
#include <string_view>

#include "config/base/secret.h"

namespace carillon::components {

/// SHA-1 of the stream's id and the secret, 40 hexadecimal digits in lower case.
std::string handshake_digest(std::string_view stream_id, const Secret& secret);
/// In constant time.
bool handshake_fits(std::string_view digest, std::string_view stream_id, const Secret& secret);

}  // namespace carillon::components
