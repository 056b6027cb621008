#include "signaling/http/websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace carillon::http {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kMaxControl = 125;

bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

/// Whether a comma-separated field holds that token.
bool has_token(std::string_view field, std::string_view token) {
    while (!field.empty()) {
        const auto comma = std::min(field.find(','), field.size());
        auto item = field.substr(0, comma);
        while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
        while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
        if (same(item, token)) return true;
        field.remove_prefix(std::min(comma + 1, field.size()));
    }
    return false;
}

/// §4.1: base64 of 16 octets.
bool is_key(std::string_view key) {
    return key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, [](unsigned char c) {
               return std::isalnum(c) || c == '+' || c == '/';
           });
}

}  // namespace

void append_frame_header(std::string& out, Opcode opcode, std::size_t length) {
    out += static_cast<char>(0x80 | static_cast<unsigned>(opcode));
    if (length < 126) {
        out += static_cast<char>(length);
        return;
    }
    const int octets = length <= 0xffff ? 2 : 8;
    out += static_cast<char>(octets == 2 ? 126 : 127);
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
}

void append_close_frame(std::string& out, std::uint16_t code) {
    append_frame_header(out, Opcode::close, 2);
    out += static_cast<char>(code >> 8);
    out += static_cast<char>(code & 0xff);
}

std::string accept_key(std::string_view key) {
    const std::string text = std::string{key} + std::string{kGuid};
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
    std::string out((length + 2) / 3 * 4 + 1, '\0');
    out.resize(static_cast<std::size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest.data(), static_cast<int>(length))));
    return out;
}

bool wants_websocket(const Request& request) { return has_token(request.field("upgrade"), "websocket"); }

std::expected<std::string, Response> handshake(const Request& request, std::string_view protocol) {
    if (request.method != "GET" || !has_token(request.field("connection"), "upgrade")) {
        return std::unexpected{plain(400, "A WebSocket begins with a GET and Connection: Upgrade.\n")};
    }
    if (request.field("sec-websocket-version") != "13") {
        auto answer = plain(426, "This server speaks version 13 of WebSocket.\n");
        answer.headers.emplace_back("Sec-WebSocket-Version", "13");
        return std::unexpected{std::move(answer)};
    }
    if (!is_key(request.field("sec-websocket-key"))) {
        return std::unexpected{plain(400, "Sec-WebSocket-Key must be sixteen octets in base64.\n")};
    }
    if (!has_token(request.field("sec-websocket-protocol"), protocol)) {
        return std::unexpected{
            plain(400, "Only the subprotocol " + std::string{protocol} + " is spoken here (RFC 7395).\n")};
    }
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
           accept_key(request.field("sec-websocket-key")) + "\r\nSec-WebSocket-Protocol: " + std::string{protocol} +
           "\r\n\r\n";
}

FrameReader::Piece FrameReader::next(std::span<char>& octets) {
    control_.clear();
    if (in_payload_) return payload(octets);
    const auto need = [&]() -> std::size_t {
        if (header_size_ < 2) return 2;
        const auto length = header_[1] & 0x7f;
        const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
        return 2 + extended + 4;  // a client's frames are masked
    };
    while (header_size_ < need()) {
        if (octets.empty()) return {};
        header_[header_size_++] = octets.front();
        octets = octets.subspan(1);
        if (header_size_ == 2 && !(header_[1] & 0x80)) return {Kind::failure, {}, kCloseProtocolError};  // §5.1
    }
    auto bad = header_done();
    if (bad.kind == Kind::failure) return bad;
    return payload(octets);
}

FrameReader::Piece FrameReader::header_done() {
    const Piece failure{Kind::failure, {}, kCloseProtocolError};
    const auto first = static_cast<unsigned char>(header_[0]);
    const auto length = static_cast<unsigned char>(header_[1]) & 0x7f;
    std::size_t at = 2;
    left_ = static_cast<std::uint64_t>(length);
    if (length >= 126) {
        left_ = 0;
        for (int i = length == 126 ? 2 : 8; i > 0; --i) left_ = left_ << 8 | static_cast<unsigned char>(header_[at++]);
    }
    std::memcpy(mask_, header_ + at, 4);
    header_size_ = 0;
    mask_at_ = 0;
    if (first & 0x70) return failure;  // no extension was agreed
    final_ = first & 0x80;
    opcode_ = first & 0x0f;
    if (left_ >> 63) return failure;
    switch (static_cast<Opcode>(opcode_)) {
        case Opcode::text:
            if (in_message_) return failure;  // §5.4
            in_message_ = true;
            break;
        case Opcode::continuation:
            if (!in_message_) return failure;
            break;
        case Opcode::binary:
            return {Kind::failure, {}, kCloseUnsupported};  // RFC 7395 §3.2
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            if (!final_ || left_ > kMaxControl) return failure;  // §5.5
            break;
        default:
            return failure;
    }
    in_payload_ = true;
    return {};
}

FrameReader::Piece FrameReader::payload(std::span<char>& octets) {
    const bool control = opcode_ >= 8;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, octets.size()));
    if (count == 0 && left_ > 0) return {};
    const auto part = octets.first(count);
    for (auto& octet : part) octet = static_cast<char>(octet ^ mask_[mask_at_++ & 3]);
    mask_at_ &= 3;
    octets = octets.subspan(count);
    left_ -= count;
    if (left_ == 0) in_payload_ = false;
    if (!control) {
        const bool last = left_ == 0 && final_;
        if (last) in_message_ = false;
        return {Kind::text, {part.data(), part.size()}, 0, last};
    }
    partial_.append(part.data(), part.size());
    if (left_ > 0) return {};
    control_ = std::exchange(partial_, {});
    const auto kind = opcode_ == 8 ? Kind::close : opcode_ == 9 ? Kind::ping : Kind::pong;
    return {kind, control_, 0, true};
}

}  // namespace carillon::http
