/// What a client of a bytestream says in SOCKS5, and what it is answered. No authentication but the name it asks for.
/// Spec: RFC 1928 §3, §4, §6; XEP-0065 1.8.2 §7.2.4 (the address is a SHA-1 in hexadecimal).
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carillon::bytestreams {

/// Of octets that may not be all there yet. `used`: how many the message takes.
template <class T>
struct Parsed {
    T value{};
    std::size_t used = 0;
};

/// Nothing: more is to come. Error: the answer before the connection ends, maybe empty.
using Refusal = std::string;

/// §3: whether the client offers to go without authentication.
std::expected<std::optional<Parsed<bool>>, Refusal> parse_greeting(std::string_view octets);
/// §4: the name that it asks for, 40 hexadecimal digits in lower case.
std::expected<std::optional<Parsed<std::string>>, Refusal> parse_request(std::string_view octets);

inline constexpr std::string_view kNoAuthentication{"\x05\x00", 2};
inline constexpr std::string_view kNoMethod{"\x05\xFF", 2};
/// §6.
std::string granted(std::string_view name);
std::string refused(std::uint8_t code);
inline constexpr std::uint8_t kNotAllowed = 2;
inline constexpr std::uint8_t kNoSuchCommand = 7;
inline constexpr std::uint8_t kNoSuchAddressType = 8;

}  // namespace carillon::bytestreams
