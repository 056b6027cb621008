/// SRTP and SRTCP over OpenSSL: the profiles that calls use, on the packet path.
/// Spec: RFC 3711 §3.1, §3.3, §3.4; RFC 7714 §8, §9.
#pragma once
#include "media/srtp/transform.h"

namespace carillon::srtp {

/// AES-CM with HMAC-SHA1 and AES-GCM, each with 128 and 256 bits. One to kMaxMasterKeys keys; several need an MKI each,
/// of one length. What goes out is under the first.
MadeTransform make_evp_transform(Profile profile, std::span<const MasterKey> keys, Direction direction);

}  // namespace carillon::srtp
