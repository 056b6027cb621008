#include "stun/turn/credentials.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>

namespace carillon::stun::turn {
namespace {

std::string digest(const EVP_MD* hash, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), out.data(), &size, hash, nullptr);
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string joined(std::string_view one, std::string_view two) { return std::string{one} + ':' + std::string{two}; }

}  // namespace

std::string long_term_key(PasswordAlgorithm algorithm, std::string_view user, std::string_view realm,
                          std::string_view password) {
    const auto* hash = algorithm == PasswordAlgorithm::sha256 ? ::EVP_sha256() : ::EVP_md5();
    return digest(hash, joined(joined(user, realm), password));
}

std::string userhash(std::string_view user, std::string_view realm) {
    return digest(::EVP_sha256(), joined(user, realm));
}

std::string rest_password(std::string_view secret, std::string_view user_name, RestHash hash) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    ::HMAC(hash == RestHash::sha256 ? ::EVP_sha256() : ::EVP_sha1(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(user_name.data()), user_name.size(), mac.data(), &size);
    std::array<unsigned char, EVP_MAX_MD_SIZE * 2> text{};
    const int length = ::EVP_EncodeBlock(text.data(), mac.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

std::string rest_user_name(std::chrono::seconds expires, std::string_view name) {
    return joined(std::to_string(expires.count()), name);
}

Credentials::Credentials(Settings settings) : settings_{std::move(settings)} {
    for (const auto& [name, password] : settings_.users) by_hash_.emplace(userhash(name, settings_.realm), name);
}

std::optional<Credentials::Known> Credentials::find(std::string_view user_name, std::chrono::seconds now) const {
    const std::string name{user_name};
    if (const auto user = settings_.users.find(name); user != settings_.users.end())
        return Known{name, name, {user->second.reveal()}};
    if (settings_.secrets.empty()) return std::nullopt;
    std::int64_t expires = 0;
    const auto* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data(), end, expires);
    if (error != std::errc{} || (rest != end && *rest != ':') || expires < now.count()) return std::nullopt;
    Known known{name, rest == end ? name : std::string{rest + 1, end}, {}};
    for (const auto& secret : settings_.secrets) {
        known.passwords.push_back(rest_password(secret.reveal(), name, RestHash::sha1));
        known.passwords.push_back(rest_password(secret.reveal(), name, RestHash::sha256));
    }
    return known;
}

std::optional<Credentials::Known> Credentials::find_hash(Bytes hash) const {
    const auto found = by_hash_.find(std::string{as_text(hash)});
    if (found == by_hash_.end()) return std::nullopt;
    return Known{found->second, found->second, {settings_.users.at(found->second).reveal()}};
}

}  // namespace carillon::stun::turn
