#include "relay/media/lip_sync.h"

#include <openssl/evp.h>

#include <array>
#include <random>

namespace carillon::relay {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string cname_of(std::string_view stream, char leg) {
    if (stream.empty()) return random_cname();
    std::string text = "cname ";
    (text += stream) += leg;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return random_cname();
    std::string name;
    for (std::size_t i = 0; i < 16; ++i) name += kLetters[digest[i] & 63];
    return name;
}

}  // namespace

std::string random_cname() {
    static thread_local std::random_device device;
    std::string name;
    for (int i = 0; i < 16; ++i) name += kLetters[device() & 63];
    return name;
}

LipSync::LipSync(std::string_view of) : cname{cname_of(of, 'a'), cname_of(of, 'b')} {}

}  // namespace carillon::relay
