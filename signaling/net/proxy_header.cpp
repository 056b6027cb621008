#include "signaling/net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace carillon::net {

namespace {

namespace ip = boost::asio::ip;
using Parsed = std::expected<std::optional<ProxyHeader>, std::string_view>;

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kLongestLine = 107;  // §2.1, with CRLF

Parsed bad(std::string_view why) { return std::unexpected{why}; }

bool is_port(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool leading_zero = text.size() > 1 && text.front() == '0';
    return error == std::errc{} && end == text.data() + text.size() && value <= 65535 && !leading_zero;
}

Parsed parse_line(std::string_view octets) {
    const auto end = octets.find("\r\n");
    const auto part = std::string_view{"PROXY "}.substr(0, octets.size());
    if (!octets.starts_with(part)) return bad("no PROXY header");
    if (end == octets.npos) {
        if (octets.size() >= kLongestLine) return bad("the line is too long");
        return std::optional<ProxyHeader>{};
    }
    if (end + 2 > kLongestLine) return bad("the line is too long");
    auto line = octets.substr(6, end - 6);
    ProxyHeader header{end + 2, {}};
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return std::optional{header};
    std::array<std::string_view, 5> words;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto space = i + 1 < words.size() ? line.find(' ') : line.size();
        if (space == line.npos) return bad("words are missing");
        words[i] = line.substr(0, space);
        line.remove_prefix(std::min(space + 1, line.size()));
    }
    boost::system::error_code wrong_source;
    boost::system::error_code wrong_target;
    const auto source = ip::make_address(std::string{words[1]}, wrong_source);
    const auto target = ip::make_address(std::string{words[2]}, wrong_target);
    if (wrong_source || wrong_target || !is_port(words[3]) || !is_port(words[4])) return bad("no addresses and ports");
    const bool v4 = words[0] == "TCP4";
    if ((!v4 && words[0] != "TCP6") || source.is_v4() != v4 || target.is_v4() != v4) return bad("another family");
    header.source = source;
    return std::optional{header};
}

Parsed parse_binary(std::string_view octets) {
    if (octets.size() < 16) return std::optional<ProxyHeader>{};
    const auto at = [&](std::size_t index) { return static_cast<unsigned char>(octets[index]); };
    const unsigned command = at(12) & 0x0f;
    const unsigned family = at(13) >> 4;
    if (at(12) >> 4 != 2) return bad("another version");
    if (command > 1) return bad("an unknown command");
    const std::size_t length = at(14) << 8 | at(15);
    if (16 + length > ProxyHeader::kLongest) return bad("the header is too long");
    if (octets.size() < 16 + length) return std::optional<ProxyHeader>{};
    ProxyHeader header{16 + length, {}};
    if (command == 0) return std::optional{header};  // LOCAL: a health check
    if (family == 1) {
        if (length < 12) return bad("addresses are missing");
        ip::address_v4::bytes_type bytes;
        std::copy_n(octets.begin() + 16, bytes.size(), bytes.begin());
        header.source = ip::address_v4{bytes};
    } else if (family == 2) {
        if (length < 36) return bad("addresses are missing");
        ip::address_v6::bytes_type bytes;
        std::copy_n(octets.begin() + 16, bytes.size(), bytes.begin());
        header.source = ip::address_v6{bytes};
    } else if (family > 3) {
        return bad("an unknown family");
    }
    return std::optional{header};
}

std::vector<unsigned char> octets_of(const ip::address& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return {bytes.begin(), bytes.end()};
    }
    const auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return octets_of(ip::make_address_v4(ip::v4_mapped, v6));
    const auto bytes = v6.to_bytes();
    return {bytes.begin(), bytes.end()};
}

}  // namespace

Parsed ProxyHeader::parse(std::string_view octets) {
    if (octets.empty()) return std::optional<ProxyHeader>{};
    if (octets.front() != '\r') return parse_line(octets);
    if (!octets.starts_with(kSignature.substr(0, octets.size()))) return bad("no PROXY header");
    return parse_binary(octets);
}

std::expected<AddressList, std::string> AddressList::parse(const std::vector<std::string>& texts) {
    AddressList list;
    for (const auto& text : texts) {
        const auto slash = text.find('/');
        boost::system::error_code wrong;
        const auto address = ip::make_address(text.substr(0, slash), wrong);
        if (wrong) return std::unexpected{text};
        auto octets = octets_of(address);
        unsigned bits = static_cast<unsigned>(octets.size()) * 8;
        if (slash != text.npos) {
            const auto most = bits;
            const auto* end = text.data() + text.size();
            const auto [stopped, error] = std::from_chars(text.data() + slash + 1, end, bits);
            if (error != std::errc{} || stopped != end || bits > most) return std::unexpected{text};
        }
        list.networks_.push_back({std::move(octets), bits});
    }
    return list;
}

bool AddressList::contains(const ip::address& address) const {
    if (networks_.empty()) return false;
    const auto octets = octets_of(address);
    return std::ranges::any_of(networks_, [&](const Network& network) {
        if (network.octets.size() != octets.size()) return false;
        const auto whole = network.bits / 8;
        if (!std::equal(octets.begin(), octets.begin() + whole, network.octets.begin())) return false;
        const auto rest = network.bits % 8;
        return rest == 0 || (octets[whole] ^ network.octets[whole]) >> (8 - rest) == 0;
    });
}

}  // namespace carillon::net
