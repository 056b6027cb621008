/// The server's side of WebSocket: the opening handshake, and frames without a buffer of their own.
/// Spec: RFC 6455 §4.2 (handshake), §5 (frames), §7.4 (close codes).
/// Not here: connections (server.h), XMPP in the messages (stream/wire.h).
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "signaling/http/routes.h"

namespace carillon::http {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseProtocolError = 1002;
inline constexpr std::uint16_t kCloseUnsupported = 1003;

/// §5.2: the header of an unmasked, final frame.
void append_frame_header(std::string& out, Opcode opcode, std::size_t length);
void append_close_frame(std::string& out, std::uint16_t code);

/// §4.2.2: the value of Sec-WebSocket-Accept.
std::string accept_key(std::string_view key);
/// Whether the request wants to become a WebSocket at all.
bool wants_websocket(const Request& request);
/// The answer 101 to a request that offers `protocol`; else what to say instead.
std::expected<std::string, Response> handshake(const Request& request, std::string_view protocol);

/// What a client's octets mean, piece by piece; payload is unmasked where it stands.
/// Threading: one thread.  Bounded: holds at most one control frame.
class FrameReader {
  public:
    enum class Kind : std::uint8_t {
        more,  ///< all octets are used up
        text,  ///< payload of a text message, maybe a part of it
        ping,  ///< to be answered with a pong of the same payload
        pong,
        close,    ///< the peer closes
        failure,  ///< the connection is to be failed with `code`
    };
    struct Piece {
        Kind kind = Kind::more;
        std::string_view payload;  ///< valid until the octets change or next() is called again
        std::uint16_t code = 0;
        bool last = false;  ///< of its message
    };

    /// Takes the next piece off the front of `octets`.
    Piece next(std::span<char>& octets);

  private:
    Piece header_done();
    Piece payload(std::span<char>& octets);

    char header_[14]{};
    std::uint8_t header_size_ = 0;
    std::uint8_t opcode_ = 0;
    std::uint8_t mask_at_ = 0;
    bool in_payload_ = false;
    bool final_ = false;
    bool in_message_ = false;  // between the frames of a fragmented message
    char mask_[4]{};
    std::uint64_t left_ = 0;
    std::string partial_;  // of a control frame
    std::string control_;  // a whole one, for the caller
};

}  // namespace carillon::http
