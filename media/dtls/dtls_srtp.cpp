#include "media/dtls/dtls_srtp.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <stdexcept>

namespace carillon::dtls {
namespace {

template <auto Function>
struct Deleter {
    template <class T>
    void operator()(T* value) const {
        Function(value);
    }
};
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Deleter<SSL_free>>;

constexpr long kMtu = 1200;             // fits every path WebRTC uses, TURN overhead included
constexpr std::size_t kMaxQueued = 64;  // datagrams waiting for OpenSSL to read them
constexpr std::size_t kMaxDatagram = 2048;
constexpr std::string_view kExporterLabel = "EXTRACTOR-dtls_srtp";  // RFC 5764 §4.2
// GCM first: it is the cheaper one, and its tag is the longer. Servers choose by their own order too.
constexpr const char* kProfiles =
    "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";
constexpr unsigned kFirstResend = 250'000;  // µs; RFC 6347 §4.2.4.1 allows less than its second where paths are known
constexpr unsigned kLastResend = 4'000'000;

std::string openssl_error() {
    std::array<char, 256> text{};
    const auto code = ERR_peek_last_error();
    ERR_error_string_n(code, text.data(), text.size());
    ERR_clear_error();
    return code == 0 ? "unknown" : text.data();
}

std::string hex_with_colons(std::span<const unsigned char> digest) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string text;
    for (const auto octet : digest) {
        if (!text.empty()) text += ':';
        text += kDigits[octet >> 4];
        text += kDigits[octet & 15];
    }
    return text;
}

std::string lowered(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

/// RFC 8122 §5 lists more; MD5 and SHA-1 prove nothing any more.
const EVP_MD* digest_named(std::string_view hash) {
    const auto name = lowered(hash);
    if (name == "sha-256") return EVP_sha256();
    if (name == "sha-384") return EVP_sha384();
    if (name == "sha-512") return EVP_sha512();
    return nullptr;
}

std::optional<std::string> fingerprint_of(const X509* certificate, std::string_view hash) {
    const auto* digest = digest_named(hash);
    std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
    unsigned length = 0;
    if (!digest || X509_digest(certificate, digest, octets.data(), &length) != 1) return std::nullopt;
    return hex_with_colons(std::span{octets}.first(length));
}

X509Ptr self_signed(EVP_PKEY* key) {
    X509Ptr certificate{X509_new()};
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -24 * 3600);  // clocks of peers differ
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 30 * 24 * 3600);
    auto* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("carillon"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_set_pubkey(certificate.get(), key);
    if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) return nullptr;
    return certificate;
}

/// The datagrams between the network and OpenSSL. A memory BIO would glue them together.
struct Pipe {
    std::deque<std::vector<std::byte>> inbound;
    DtlsSrtp::Send send;
};

Pipe& pipe_of(BIO* bio) { return *static_cast<Pipe*>(BIO_get_data(bio)); }

int pipe_write(BIO* bio, const char* data, int length) noexcept {
    if (length <= 0) return 0;
    try {
        pipe_of(bio).send(as_bytes({data, static_cast<std::size_t>(length)}));
    } catch (...) {  // a datagram that cannot leave is a lost datagram; DTLS resends
    }
    return length;
}

int pipe_read(BIO* bio, char* data, int length) noexcept {
    auto& queue = pipe_of(bio).inbound;
    BIO_clear_retry_flags(bio);
    if (queue.empty()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const auto size = std::min(queue.front().size(), static_cast<std::size_t>(std::max(length, 0)));
    std::memcpy(data, queue.front().data(), size);
    queue.pop_front();
    return static_cast<int>(size);
}

long pipe_control(BIO*, int command, long, void*) noexcept {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_DGRAM_QUERY_MTU:
        case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
            return kMtu;
        default:
            return 0;
    }
}

BIO_METHOD* pipe_method() {
    static const std::unique_ptr<BIO_METHOD, Deleter<BIO_meth_free>> method = [] {
        std::unique_ptr<BIO_METHOD, Deleter<BIO_meth_free>> made{
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "carillon datagrams")};
        BIO_meth_set_write(made.get(), &pipe_write);
        BIO_meth_set_read(made.get(), &pipe_read);
        BIO_meth_set_ctrl(made.get(), &pipe_control);
        return made;
    }();
    return method.get();
}

std::optional<srtp::Profile> selected_profile(SSL* ssl) {
    const auto* profile = SSL_get_selected_srtp_profile(ssl);
    if (!profile) return std::nullopt;
    switch (profile->id) {
        case SRTP_AES128_CM_SHA1_80:
            return srtp::Profile::aes128_cm_sha1_80;
        case SRTP_AES128_CM_SHA1_32:
            return srtp::Profile::aes128_cm_sha1_32;
        case SRTP_AEAD_AES_128_GCM:
            return srtp::Profile::aead_aes_128_gcm;
        case SRTP_AEAD_AES_256_GCM:
            return srtp::Profile::aead_aes_256_gcm;
        default:
            return std::nullopt;
    }
}

/// Self-signed on purpose: who the peer is follows from the fingerprint, compared after the handshake.
int accept_any_chain(X509_STORE_CTX*, void*) noexcept { return 1; }

unsigned resend_after(SSL*, unsigned before) noexcept {
    return before == 0 ? kFirstResend : std::min(2 * before, kLastResend);
}

/// What all associations under one certificate share: a context costs more memory than an association.
ContextPtr make_context(X509* certificate, EVP_PKEY* key) {
    ContextPtr made{SSL_CTX_new(DTLS_method())};
    auto* context = made.get();
    if (!context) return nullptr;
    SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, &accept_any_chain, nullptr);
    const bool ready = SSL_CTX_use_certificate(context, certificate) == 1 &&
                       SSL_CTX_use_PrivateKey(context, key) == 1 &&
                       SSL_CTX_set_tlsext_use_srtp(context, kProfiles) == 0;  // 0 is success here
    if (!ready) made.reset();
    return made;
}

}  // namespace

struct Identity::Native {
    KeyPtr key;
    X509Ptr certificate;
    ContextPtr context;
};

Identity::Identity() : native_{std::make_unique<Native>()} {
    native_->key.reset(EVP_EC_gen("P-256"));
    if (!native_->key) throw std::runtime_error{"no DTLS key: " + openssl_error()};
    native_->certificate = self_signed(native_->key.get());
    if (!native_->certificate) throw std::runtime_error{"no DTLS certificate: " + openssl_error()};
    complete();
}

Identity::Identity(Bytes stored) : native_{std::make_unique<Native>()} {
    ByteReader in{stored};
    const auto part = [&in] {
        const auto size = in.u16();
        return size ? in.take(*size) : std::nullopt;
    };
    const auto key = part();
    const auto certificate = part();
    if (!key || !certificate || !in.empty()) throw std::runtime_error{"no DTLS certificate: it is not whole"};
    const auto* at = reinterpret_cast<const unsigned char*>(key->data());
    native_->key.reset(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(key->size())));
    at = reinterpret_cast<const unsigned char*>(certificate->data());
    native_->certificate.reset(d2i_X509(nullptr, &at, static_cast<long>(certificate->size())));
    if (!native_->key || !native_->certificate) throw std::runtime_error{"no DTLS certificate: " + openssl_error()};
    complete();
}

std::vector<std::byte> Identity::stored() const {
    ByteWriter out;
    const auto part = [&out](int size, auto encode) {
        std::vector<std::byte> octets(static_cast<std::size_t>(std::max(size, 0)));
        auto* at = reinterpret_cast<unsigned char*>(octets.data());
        encode(&at);
        out.u16(static_cast<std::uint16_t>(octets.size()));
        out.bytes(octets);
    };
    const auto* key = native_->key.get();
    const auto* certificate = native_->certificate.get();
    part(i2d_PrivateKey(key, nullptr), [key](unsigned char** at) { i2d_PrivateKey(key, at); });
    part(i2d_X509(certificate, nullptr), [certificate](unsigned char** at) { i2d_X509(certificate, at); });
    return out.release();
}

void Identity::complete() {
    native_->context = make_context(native_->certificate.get(), native_->key.get());
    if (!native_->context) throw std::runtime_error{"no DTLS context: " + openssl_error()};
    fingerprint_ = {"sha-256", fingerprint_of(native_->certificate.get(), "sha-256").value_or("")};
}

Identity::~Identity() = default;

struct DtlsSrtp::Native {
    Pipe pipe;
    SslPtr ssl;
};

DtlsSrtp::DtlsSrtp(const Identity& identity, Role role, Fingerprint remote, Send send)
    : native_{std::make_unique<Native>()}, role_{role}, remote_{std::move(remote)} {
    native_->pipe.send = std::move(send);
    native_->ssl.reset(SSL_new(identity.native_->context.get()));
    if (!native_->ssl) throw std::runtime_error{"no DTLS connection: " + openssl_error()};
    auto* bio = BIO_new(pipe_method());
    BIO_set_data(bio, &native_->pipe);
    BIO_set_init(bio, 1);
    SSL_set_bio(native_->ssl.get(), bio, bio);
    SSL_set_mtu(native_->ssl.get(), kMtu);
    DTLS_set_timer_cb(native_->ssl.get(), &resend_after);
    if (role == Role::client) {
        SSL_set_connect_state(native_->ssl.get());
    } else {
        SSL_set_accept_state(native_->ssl.get());
    }
}

DtlsSrtp::~DtlsSrtp() = default;

void DtlsSrtp::start() {
    if (state_ != State::idle) return;
    state_ = State::handshaking;
    if (role_ == Role::client) proceed();
}

void DtlsSrtp::receive(Bytes datagram) {
    if (datagram.empty() || datagram.size() > kMaxDatagram || native_->pipe.inbound.size() >= kMaxQueued) return;
    if (state_ == State::failed || state_ == State::closed) return;
    if (state_ == State::idle) state_ = State::handshaking;
    native_->pipe.inbound.emplace_back(datagram.begin(), datagram.end());
    proceed();
}

void DtlsSrtp::on_timer() {
    if (state_ != State::handshaking) return;
    if (DTLSv1_handle_timeout(native_->ssl.get()) < 0) fail("handshake timed out");
}

void DtlsSrtp::close() {
    if (state_ == State::established) SSL_shutdown(native_->ssl.get());
    if (state_ != State::failed) state_ = State::closed;
}

void DtlsSrtp::proceed() {
    auto* ssl = native_->ssl.get();
    ERR_clear_error();
    if (state_ == State::handshaking) {
        const int result = SSL_do_handshake(ssl);
        if (result != 1) {
            const int why = SSL_get_error(ssl, result);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail("handshake: " + openssl_error());
            return;
        }
        if (!peer_matches()) return fail("the peer's certificate does not match its fingerprint");
        keys_ = export_keys();
        if (!keys_) return fail("no common SRTP profile");
        state_ = State::established;
    }
    // Afterwards only alerts and resent flights come; reading lets OpenSSL answer them.
    std::array<std::byte, kMaxDatagram> ignored{};
    while (SSL_read(ssl, ignored.data(), static_cast<int>(ignored.size())) > 0) {
    }
    if (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) state_ = State::closed;
}

void DtlsSrtp::fail(std::string why) {
    state_ = State::failed;
    failure_ = std::move(why);
    keys_.reset();
}

bool DtlsSrtp::peer_matches() const {
    const X509Ptr certificate{SSL_get1_peer_certificate(native_->ssl.get())};
    if (!certificate) return false;
    const auto seen = fingerprint_of(certificate.get(), remote_.hash);
    return seen && lowered(*seen) == lowered(remote_.value);
}

std::optional<SrtpKeys> DtlsSrtp::export_keys() const {
    const auto profile = selected_profile(native_->ssl.get());
    if (!profile) return std::nullopt;
    const auto [key, salt] = srtp::lengths_of(*profile);
    std::vector<std::byte> material(2 * (key + salt));
    if (SSL_export_keying_material(native_->ssl.get(), reinterpret_cast<unsigned char*>(material.data()),
                                   material.size(), kExporterLabel.data(), kExporterLabel.size(), nullptr, 0, 0) != 1) {
        return std::nullopt;
    }
    // RFC 5764 §4.2: client key, server key, client salt, server salt.
    const auto side = [&, key_size = key, salt_size = salt](std::size_t which) {
        const Bytes all{material};
        const auto its_key = all.subspan(which * key_size, key_size);
        const auto its_salt = all.subspan(2 * key_size + which * salt_size, salt_size);
        std::vector<std::byte> joined{its_key.begin(), its_key.end()};
        joined.insert(joined.end(), its_salt.begin(), its_salt.end());
        return joined;
    };
    const std::size_t own = role_ == Role::client ? 0 : 1;
    return SrtpKeys{*profile, side(own), side(1 - own)};
}

}  // namespace carillon::dtls
