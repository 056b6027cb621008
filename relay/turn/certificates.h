/// The TURN server's certificates: a context for TLS and one for DTLS of each name, chosen by SNI.
/// Spec: RFC 8489 §6.2.3 (TLS and DTLS), RFC 7443 (ALPN stun.turn, stun.nat-discovery), RFC 6347 §4.2.1 (cookies).
#pragma once
#include <array>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "stun/message.h"

struct ssl_ctx_st;

namespace carillon::relay {

/// Threading: any; constant after it was made. New ones replace it for new handshakes.
class Certificates {
  public:
    struct Files {
        std::string domain;
        std::string certificate;  ///< PEM, chain included
        std::string key;          ///< PEM
    };
    /// Lines of "domain certificate key", separated by tabs; throws nothing, says what is wrong.
    static std::expected<std::vector<Files>, std::string> list(const std::string& file);
    /// The first is for clients that name none of them.
    static std::expected<std::shared_ptr<const Certificates>, std::string> load(const std::vector<Files>& files);
    ~Certificates();

    ssl_ctx_st& tls() const;
    ssl_ctx_st& dtls() const;

  private:
    struct Loaded;
    explicit Certificates(std::unique_ptr<Loaded> loaded);
    std::unique_ptr<Loaded> loaded_;
};

/// Whom a DTLS cookie is made for: set with SSL_set_app_data before DTLSv1_listen.
struct CookieClient {
    stun::TransportAddress address;
};
/// What such a client is to show (RFC 6347 §4.2.1).
std::array<std::byte, 32> cookie_of(const CookieClient& client);

}  // namespace carillon::relay
