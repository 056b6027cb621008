/// SRTP and SRTCP over libsrtp2: profiles off the hot path, and the oracle that tests hold the other side against.
/// Spec: RFC 3711, RFC 6188, RFC 7714.
#pragma once
#include "media/srtp/transform.h"

namespace carillon::srtp {

MadeTransform make_libsrtp_transform(Profile profile, std::span<const MasterKey> keys, Direction direction);

}  // namespace carillon::srtp
