/// Server certificates: one per virtual host, chosen by SNI, exchanged while connections live.
/// Spec: RFC 7590 (TLS in XMPP), RFC 6066 §3 (SNI), RFC 7301 (ALPN), RFC 6120 §13.7.1.2 (certificate identities).
#pragma once
#include <atomic>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace carillon::net {

struct CertificateFiles {
    std::string domain;
    std::filesystem::path certificate;  ///< PEM, chain included
    std::filesystem::path key;          ///< PEM
};

struct TlsOptions {
    /// e.g. {"xmpp-client"}; a client that offers some and none of them is refused (RFC 7301 §3.2): what it believes to
    /// speak to is somebody else. One that offers nothing is served.
    std::vector<std::string> alpn;
    bool allow_tls12 = true;            ///< false: TLS 1.3 only
    bool ask_peer = false;              ///< ask the peer for a certificate; Socket::peer_is() judges it
    std::filesystem::path authorities;  ///< PEM file of trusted ones, beside the system's
    /// PEM file of those that vouch for clients, and nobody else does; empty: clients are not asked.
    std::filesystem::path client_authorities{};
};

/// Threading: any thread; load() replaces what new handshakes use, connections keep what they have.
class TlsContext {
  public:
    struct Loaded;

    explicit TlsContext(TlsOptions options);
    ~TlsContext();
    /// Reads the files anew. On failure the old ones stay, and the text says which file is wrong and why.
    std::expected<void, std::string> load(const std::vector<CertificateFiles>& files);
    /// What a handshake holds on to while its SSL lives; nullptr before the first load().
    std::shared_ptr<const Loaded> current() const;
    /// A server-side SSL for a new connection.
    static ssl_st* make_ssl(const Loaded& loaded);
    /// A client-side SSL that shows the certificate of `domain`, for a server of the name `peer`.
    static ssl_st* make_client_ssl(const Loaded& loaded, std::string_view domain, std::string_view peer,
                                   std::string_view alpn);
    /// The default host's context with one more reference, for libraries that want a SSL_CTX of their own (Beast).
    static ssl_ctx_st* share(const Loaded& loaded);

  private:
    TlsOptions options_;
    std::atomic<std::shared_ptr<const Loaded>> loaded_;
};

/// Writes a self-signed certificate (EC P-256, ten years; dNSName, xmppAddr, and localhost addresses when that is the
/// domain) and its key, the key readable by the owner alone.
std::expected<void, std::string> make_self_signed(const CertificateFiles& files);

}  // namespace carillon::net
