#include "media/srtp/srtp_session.h"

#include <algorithm>

#include "media/srtp/evp_transform.h"
#include "media/srtp/libsrtp_transform.h"

namespace carillon::srtp {
namespace {

bool is_hot(Profile profile) { return profile != Profile::aes256_cm_sha1_80 && profile != Profile::aes256_cm_sha1_32; }

std::string_view fault_in(std::span<const MasterKey> keys) {
    if (keys.empty() || keys.size() > kMaxMasterKeys) return "one to four master keys";
    for (const auto& key : keys) {
        if (key.mki.size() > kMaxMki) return "an MKI longer than 16 octets";
        if (key.mki.size() != keys.front().mki.size()) return "MKIs of different lengths";
    }
    if (keys.size() > 1 && keys.front().mki.empty()) return "several keys need an MKI each";
    return {};
}

}  // namespace

std::expected<Session, std::string_view> Session::create(Profile profile, Bytes key, Direction direction) {
    const MasterKey master{.key_and_salt = {key.begin(), key.end()}, .mki = {}};
    return create(profile, std::span{&master, 1}, direction);
}

std::expected<Session, std::string_view> Session::create(Profile profile, std::span<const MasterKey> keys,
                                                         Direction direction) {
    if (const auto fault = fault_in(keys); !fault.empty()) return std::unexpected{fault};
    auto made = is_hot(profile) ? make_evp_transform(profile, keys, direction)
                                : make_libsrtp_transform(profile, keys, direction);
    if (!made) return std::unexpected{made.error()};
    return Session{std::move(*made)};
}

}  // namespace carillon::srtp
