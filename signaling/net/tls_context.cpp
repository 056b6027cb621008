#include "signaling/net/tls_context.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "signaling/net/ticket_keys.h"

namespace carillon::net {
namespace {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using File = std::unique_ptr<FILE, Freer<fclose>>;

std::string openssl_reason() {
    const auto code = ERR_get_error();
    ERR_clear_error();
    const char* reason = ERR_reason_error_string(code);
    return reason ? reason : "unknown reason";
}

/// XEP-0178 §2: a client may show a certificate; one that nobody vouches for is as good as none.
bool ask_clients(SSL_CTX* context, const std::filesystem::path& authorities) {
    if (SSL_CTX_load_verify_locations(context, authorities.c_str(), nullptr) != 1) return false;
    auto* names = SSL_load_client_CA_file(authorities.c_str());  // a client chooses among its own by these
    if (!names) return false;
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    return true;
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

/// What a session is bound to: certificate and protocol.
std::array<unsigned char, 32> session_mark(const SSL_CTX& context, const std::vector<std::string>& alpn) {
    std::array<unsigned char, 32> hash{};
    unsigned size = 0;
    X509_digest(SSL_CTX_get0_certificate(&context), EVP_sha256(), hash.data(), &size);
    for (std::size_t at = 0; const auto& name : alpn) {
        for (const char c : name) hash[at++ % hash.size()] ^= static_cast<unsigned char>(c);
    }
    return hash;
}

}  // namespace

struct TlsContext::Loaded {
    struct Host {
        std::string domain;
        Context context;
    };
    std::vector<std::string> alpn;
    std::vector<Host> hosts;  // the first is the default

    /// The host of that name, or else the nearest one above it, whose certificate may speak for its subdomains.
    const Host* find(std::string_view name) const {
        auto domain = lower(std::string{name});
        for (;;) {
            const auto at = std::ranges::find(hosts, domain, &Host::domain);
            if (at != hosts.end()) return &*at;
            const auto dot = domain.find('.');
            if (dot == domain.npos) return nullptr;
            domain.erase(0, dot + 1);
        }
    }

    /// Before anything else is looked at: a ticket must be judged by the certificate of the host that it is for.
    static int on_client_hello(SSL* ssl, int*, void* self) noexcept {
        const auto* host = static_cast<const Loaded*>(self)->find(server_name(ssl));
        if (host) SSL_set_SSL_CTX(ssl, host->context.get());
        return SSL_CLIENT_HELLO_SUCCESS;
    }

    /// RFC 6066 §3: without a name of ours, go on with the default certificate; the client decides.
    static int on_server_name(SSL* ssl, int*, void* self) noexcept {
        const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (!name) return SSL_TLSEXT_ERR_NOACK;
        return static_cast<const Loaded*>(self)->find(name) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
    }

    /// §3: a list of names of which only the first kind, host_name, exists.
    static std::string server_name(SSL* ssl) {
        const unsigned char* data = nullptr;
        std::size_t size = 0;
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1 || size < 5) return {};
        const auto length = static_cast<std::size_t>(data[3] << 8 | data[4]);
        if (data[2] != TLSEXT_NAMETYPE_host_name || length > size - 5) return {};
        return lower({reinterpret_cast<const char*>(data + 5), length});
    }

    static int on_alpn(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                       unsigned offered_length, void* self) noexcept {
        for (const auto& ours : static_cast<const Loaded*>(self)->alpn) {
            for (unsigned at = 0; at < offered_length; at += 1u + offered[at]) {
                const std::string_view theirs{reinterpret_cast<const char*>(offered + at + 1),
                                              std::min<std::size_t>(offered[at], offered_length - at - 1)};
                if (theirs != ours) continue;
                *out = offered + at + 1;
                *length = offered[at];
                return SSL_TLSEXT_ERR_OK;
            }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
};

TlsContext::TlsContext(TlsOptions options) : options_{std::move(options)} {}
TlsContext::~TlsContext() = default;

std::expected<void, std::string> TlsContext::load(const std::vector<CertificateFiles>& files) {
    auto loaded = std::make_shared<Loaded>();
    loaded->alpn = options_.alpn;
    for (const auto& file : files) {
        Context context{SSL_CTX_new(TLS_method())};
        if (!context) return std::unexpected{"OpenSSL: " + openssl_reason()};
        SSL_CTX_set_min_proto_version(context.get(), options_.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
        SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
        // SHA-256 first: a handshake is mostly hashing, and half as much of it. ChaCha20 is for who asks for it first.
        SSL_CTX_set_ciphersuites(context.get(),
                                 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
        SSL_CTX_set_read_ahead(context.get(), 1);  // a record's header and the rest of it in one read
        // RFC 7525 §4.2: forward secrecy and AEAD only for TLS 1.2.
        SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
        SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (SSL_CTX_use_certificate_chain_file(context.get(), file.certificate.c_str()) != 1) {
            return std::unexpected{file.certificate.string() + ": no usable certificate: " + openssl_reason()};
        }
        if (SSL_CTX_use_PrivateKey_file(context.get(), file.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_check_private_key(context.get()) != 1) {
            return std::unexpected{file.key.string() + ": no key that fits " + file.certificate.string() + ": " +
                                   openssl_reason()};
        }
        if (options_.ask_peer) {
            SSL_CTX_set_default_verify_paths(context.get());
            if (!options_.authorities.empty() &&
                SSL_CTX_load_verify_locations(context.get(), options_.authorities.c_str(), nullptr) != 1) {
                return std::unexpected{options_.authorities.string() + ": no usable certificates: " + openssl_reason()};
            }
            // Servers' certificates often say that they are for servers; here they speak for themselves as clients,
            // too.
            SSL_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
            // Whoever shows a bad one, or none, may go on: what that is worth is decided later.
            SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
        }
        if (!options_.client_authorities.empty() && !ask_clients(context.get(), options_.client_authorities)) {
            return std::unexpected{options_.client_authorities.string() +
                                   ": no usable certificates: " + openssl_reason()};
        }
        // A session is resumed only while its certificate is in use: who resumes is shown none, and channel bindings
        // name it (RFC 5929 §4).
        const auto mark = session_mark(*context, options_.alpn);
        SSL_CTX_set_session_id_context(context.get(), mark.data(), static_cast<unsigned>(mark.size()));
        TicketKeys::of_process().serve(context.get());
        SSL_CTX_set_client_hello_cb(context.get(), &Loaded::on_client_hello, loaded.get());
        SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets resume without our memory
        SSL_CTX_set_num_tickets(context.get(), 1);
        SSL_CTX_set_tlsext_servername_callback(context.get(), &Loaded::on_server_name);
        SSL_CTX_set_tlsext_servername_arg(context.get(), loaded.get());
        if (!loaded->alpn.empty()) SSL_CTX_set_alpn_select_cb(context.get(), &Loaded::on_alpn, loaded.get());
        loaded->hosts.push_back({lower(file.domain), std::move(context)});
    }
    if (loaded->hosts.empty()) return std::unexpected{"no certificate is configured"};
    loaded_.store(std::move(loaded));
    return {};
}

std::shared_ptr<const TlsContext::Loaded> TlsContext::current() const { return loaded_.load(); }

ssl_st* TlsContext::make_ssl(const Loaded& loaded) { return SSL_new(loaded.hosts.front().context.get()); }

ssl_st* TlsContext::make_client_ssl(const Loaded& loaded, std::string_view domain, std::string_view peer,
                                    std::string_view alpn) {
    const auto* ours = loaded.find(domain);
    const auto& host = ours ? *ours : loaded.hosts.front();
    SSL* ssl = SSL_new(host.context.get());
    SSL_set_tlsext_host_name(ssl, std::string{peer}.c_str());
    std::string offer(1, static_cast<char>(alpn.size()));
    offer += alpn;
    if (!alpn.empty()) {
        SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned>(offer.size()));
    }
    return ssl;
}

ssl_ctx_st* TlsContext::share(const Loaded& loaded) {
    auto* context = loaded.hosts.front().context.get();
    SSL_CTX_up_ref(context);
    return context;
}

std::expected<void, std::string> make_self_signed(const CertificateFiles& files) {
    const auto failed = [](std::string_view what) {
        return std::unexpected{std::string{what} + ": " + openssl_reason()};
    };
    const Key key{EVP_EC_gen("P-256")};
    const Certificate certificate{X509_new()};
    if (!key || !certificate) return failed("cannot make a key");
    X509_set_version(certificate.get(), X509_VERSION_3);
    std::uint64_t serial = 0;
    BIGNUM* random = BN_new();
    BN_rand(random, 63, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
    BN_bn2lebinpad(random, reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    BN_free(random);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -24 * 3600L);  // clocks differ
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3650L * 24 * 3600);
    X509_set_pubkey(certificate.get(), key.get());
    auto* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(files.domain.c_str()),
                               -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    // RFC 6120 §13.7.1.2: id-on-xmppAddr and dNSName; subdomains are served under the same certificate.
    std::string names =
        "DNS:" + files.domain + ",DNS:*." + files.domain + ",otherName:1.3.6.1.5.5.7.8.5;UTF8:" + files.domain;
    if (files.domain == "localhost") names += ",IP:127.0.0.1,IP:::1";
    X509V3_CTX context{};
    X509V3_set_ctx(&context, certificate.get(), certificate.get(), nullptr, nullptr, 0);
    for (const auto& [id, value] :
         {std::pair{NID_subject_alt_name, names.c_str()}, std::pair{NID_basic_constraints, "CA:TRUE"}}) {
        auto* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
        if (!extension) return failed("cannot name " + files.domain + " in a certificate");
        X509_add_ext(certificate.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }
    if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return failed("cannot sign");

    const int descriptor = ::open(files.key.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) return std::unexpected{files.key.string() + ": cannot be written: " + std::strerror(errno)};
    const File key_file{::fdopen(descriptor, "w")};
    const File certificate_file{std::fopen(files.certificate.c_str(), "we")};
    if (!certificate_file)
        return std::unexpected{files.certificate.string() + ": cannot be written: " + std::strerror(errno)};
    if (PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
        PEM_write_X509(certificate_file.get(), certificate.get()) != 1) {
        return failed("cannot write the certificate");
    }
    return {};
}

}  // namespace carillon::net
