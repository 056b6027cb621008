#include "relay/turn/certificates.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

namespace carillon::relay {
namespace {

struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextFree>;
using Cookie = std::array<std::byte, 32>;

std::string openssl_reason() {
    const char* reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

/// Of this process: cookies and tickets outlive a change of certificates.
const std::array<unsigned char, 32>& cookie_key() {
    static const auto kKey = [] {
        std::array<unsigned char, 32> key{};
        ::RAND_bytes(key.data(), static_cast<int>(key.size()));
        return key;
    }();
    return kKey;
}

Cookie cookie_of(SSL* ssl) { return relay::cookie_of(*static_cast<const CookieClient*>(SSL_get_app_data(ssl))); }

int make_cookie(SSL* ssl, unsigned char* out, unsigned* size) noexcept {
    const auto cookie = cookie_of(ssl);
    std::memcpy(out, cookie.data(), cookie.size());
    *size = cookie.size();
    return 1;
}

int check_cookie(SSL* ssl, const unsigned char* given, unsigned size) noexcept {
    const auto cookie = cookie_of(ssl);
    return size == cookie.size() && CRYPTO_memcmp(given, cookie.data(), size) == 0;
}

/// RFC 7301 §3.2: a client that offers protocols and none of ours believes to speak to somebody else.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* length, const unsigned char* offered,
                    unsigned offered_length, void*) noexcept {
    for (const std::string_view ours : {"stun.turn", "stun.nat-discovery"}) {
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

std::expected<Context, std::string> make(const Certificates::Files& files, bool datagrams) {
    Context context{SSL_CTX_new(datagrams ? DTLS_server_method() : TLS_server_method())};
    if (!context) return std::unexpected{"OpenSSL: " + openssl_reason()};
    SSL_CTX_set_min_proto_version(context.get(), datagrams ? DTLS1_2_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
    SSL_CTX_set_cookie_generate_cb(context.get(), &make_cookie);
    SSL_CTX_set_cookie_verify_cb(context.get(), &check_cookie);
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
        return std::unexpected{files.certificate + ": no usable certificate: " + openssl_reason()};
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1)
        return std::unexpected{files.key + ": no key that fits " + files.certificate + ": " + openssl_reason()};
    return context;
}

bool same_name(std::string_view one, std::string_view other) {
    return std::ranges::equal(one, other, [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    });
}

}  // namespace

std::array<std::byte, 32> cookie_of(const CookieClient& client) {
    std::array<unsigned char, 19> input{};
    std::memcpy(input.data(), client.address.ip.data(), 16);
    input[16] = static_cast<unsigned char>(client.address.port >> 8);
    input[17] = static_cast<unsigned char>(client.address.port & 0xFF);
    input[18] = client.address.v6 ? 6 : 4;
    std::array<std::byte, 32> out{};
    unsigned size = 0;
    ::HMAC(::EVP_sha256(), cookie_key().data(), static_cast<int>(cookie_key().size()), input.data(), input.size(),
           reinterpret_cast<unsigned char*>(out.data()), &size);
    return out;
}

struct Certificates::Loaded {
    struct Host {
        std::string domain;
        Context tls, dtls;
    };
    std::vector<Host> hosts;

    /// RFC 6066 §3: without a name of ours, go on with the first certificate; the client decides.
    static int choose(SSL* ssl, int*, void* self) noexcept {
        const char* given = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (!given) return SSL_TLSEXT_ERR_NOACK;
        std::string_view name{given};
        for (; !name.empty(); name.remove_prefix(std::min(name.find('.'), name.size() - 1) + 1)) {
            for (const auto& host : static_cast<const Loaded*>(self)->hosts) {
                if (!same_name(host.domain, name)) continue;
                SSL_set_SSL_CTX(ssl, SSL_is_dtls(ssl) ? host.dtls.get() : host.tls.get());
                return SSL_TLSEXT_ERR_OK;
            }
        }
        return SSL_TLSEXT_ERR_NOACK;
    }
};

Certificates::Certificates(std::unique_ptr<Loaded> loaded) : loaded_{std::move(loaded)} {}
Certificates::~Certificates() = default;

std::expected<std::vector<Certificates::Files>, std::string> Certificates::list(const std::string& file) {
    std::ifstream in{file};
    if (!in) return std::unexpected{file + ": cannot be read"};
    std::vector<Files> out;
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line.front() == '#') continue;
        const auto first = line.find('\t');
        const auto second = first == line.npos ? line.npos : line.find('\t', first + 1);
        if (second == line.npos) return std::unexpected{file + ": each line is a domain, a certificate and a key"};
        out.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)});
    }
    return out;
}

std::expected<std::shared_ptr<const Certificates>, std::string> Certificates::load(const std::vector<Files>& files) {
    auto loaded = std::make_unique<Loaded>();
    for (const auto& one : files) {
        auto tls = make(one, false);
        if (!tls) return std::unexpected{tls.error()};
        auto dtls = make(one, true);
        if (!dtls) return std::unexpected{dtls.error()};
        loaded->hosts.push_back({one.domain, std::move(*tls), std::move(*dtls)});
    }
    if (loaded->hosts.empty()) return std::unexpected{std::string{"TURN over TLS has no certificate"}};
    auto& front = loaded->hosts.front();
    for (auto* context : {front.tls.get(), front.dtls.get()}) {
        SSL_CTX_set_tlsext_servername_callback(context, &Loaded::choose);
        SSL_CTX_set_tlsext_servername_arg(context, loaded.get());
    }
    return std::shared_ptr<const Certificates>{new Certificates{std::move(loaded)}};
}

ssl_ctx_st& Certificates::tls() const { return *loaded_->hosts.front().tls; }
ssl_ctx_st& Certificates::dtls() const { return *loaded_->hosts.front().dtls; }

}  // namespace carillon::relay
