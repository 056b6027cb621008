#include "signaling/files/address.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "signaling/files/file_store.h"

namespace carillon::files {
namespace {

constexpr std::size_t kIdDigits = 48;
constexpr std::size_t kMaxName = 200;  // octets; encoded three times that

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_unreserved(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

std::string encoded(std::string_view text) {
    std::string out;
    for (const unsigned char c : text) {
        if (is_unreserved(c)) {
            out += static_cast<char>(c);
        } else {
            out += '%';
            out += "0123456789ABCDEF"[c >> 4];
            out += "0123456789ABCDEF"[c & 15];
        }
    }
    return out;
}

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

std::optional<std::string> decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = digit(text[i + 1]);
        const int low = digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string signature(const Secret& secret, std::string_view id, long long until) {
    const auto text = "upload " + std::string{id} + ' ' + std::to_string(until);
    std::array<unsigned char, 32> digest{};
    unsigned size = digest.size();
    const auto& key = secret.reveal();
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), digest.data(), &size);
    return to_hex(digest);
}

long long seconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string make_file_id() {
    std::array<unsigned char, kIdDigits / 2> octets{};
    if (RAND_bytes(octets.data(), octets.size()) != 1) throw std::runtime_error{"the system gives no random numbers"};
    return to_hex(octets);
}

std::string file_path(std::string_view id, std::string_view name) {
    return std::string{kTree} + std::string{id} + '/' + encoded(name);
}

std::optional<FileAddress> parse_file_path(std::string_view path) {
    if (!path.starts_with(kTree)) return std::nullopt;
    const auto rest = path.substr(kTree.size());
    if (rest.size() < kIdDigits + 2 || rest[kIdDigits] != '/' || !is_hex(rest.substr(0, kIdDigits)))
        return std::nullopt;
    auto name = decoded(rest.substr(kIdDigits + 1));
    // What safe_name() never makes was never given out.
    if (!name || name->empty() || safe_name(*name) != *name) return std::nullopt;
    return FileAddress{std::string{rest.substr(0, kIdDigits)}, std::move(*name)};
}

std::string sign_slot(const Secret& secret, std::string_view id, WallTime expires) {
    const auto until = seconds(expires);
    return "until=" + std::to_string(until) + "&sign=" + signature(secret, id, until);
}

SlotVerdict check_slot(const Secret& secret, std::string_view id, std::string_view query, WallTime now) {
    constexpr std::string_view kUntil = "until=";
    constexpr std::string_view kSign = "&sign=";
    const auto mark = query.find(kSign);
    if (!query.starts_with(kUntil) || mark == std::string_view::npos) return SlotVerdict::forged;
    const auto digits = query.substr(kUntil.size(), mark - kUntil.size());
    const auto given = query.substr(mark + kSign.size());
    long long until = 0;
    const auto* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, until);
    if (error != std::errc{} || at != end) return SlotVerdict::forged;
    const auto right = signature(secret, id, until);
    if (given.size() != right.size() || CRYPTO_memcmp(given.data(), right.data(), right.size()) != 0)
        return SlotVerdict::forged;
    return until < seconds(now) ? SlotVerdict::expired : SlotVerdict::good;
}

std::string safe_name(std::string_view name) {
    if (const auto slash = name.find_last_of("/\\"); slash != std::string_view::npos) name.remove_prefix(slash + 1);
    std::string out;
    for (const unsigned char c : name) {
        if (c < 0x20 || c == 0x7F) continue;
        out += static_cast<char>(c);
    }
    while (!out.empty() && out.front() == '.') out.erase(0, 1);  // hidden files, "." and ".."
    if (out.size() > kMaxName) {                                 // the end says what it is
        auto begin = out.size() - kMaxName;
        while (begin < out.size() && (static_cast<unsigned char>(out[begin]) & 0xC0) == 0x80) ++begin;
        out.erase(0, begin);
        while (!out.empty() && out.front() == '.') out.erase(0, 1);
    }
    return out.empty() ? "file" : out;
}

}  // namespace carillon::files
