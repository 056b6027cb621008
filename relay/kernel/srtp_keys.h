/// Session keys in the form that the kernel's program works with.
/// Spec: FIPS 197 §5.2 (key expansion); RFC 2104 (HMAC's inner and outer state); SP 800-38D §6.3 (hash key).
#pragma once
#include <optional>

#include "media/srtp/key_derivation.h"
#include "media/srtp/profile.h"
#include "relay/kernel/srtp.h"

namespace carillon::relay {

carillon_aes_tables aes_tables();
/// Nullopt: the kernel's program does not know the profile.
std::optional<carillon_srtp_keys> kernel_keys(srtp::Profile profile, const srtp::SessionKeys& keys);

}  // namespace carillon::relay
