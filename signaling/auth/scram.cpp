#include "signaling/auth/scram.h"

#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <charconv>
#include <cstdlib>
#include <memory>
#include <vector>

#include "signaling/auth/base64.h"

namespace carillon::auth {
namespace {

// What EVP_sha1() and the like give is looked up anew at each use; these are not.
const EVP_MD* sha256() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    return fetched;
}
const EVP_MD* sha1() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    return fetched;
}
const EVP_MD* digest_of(std::string_view mechanism) {
    return mechanism.starts_with("SCRAM-SHA-256") ? sha256() : sha1();
}

struct MacFree {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Mac = std::unique_ptr<EVP_MAC_CTX, MacFree>;

Mac hmac_with(const EVP_MD* digest) {
    static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    Mac context{EVP_MAC_CTX_new(fetched)};
    std::string name{EVP_MD_get0_name(digest)};
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", name.data(), 0),
                                     OSSL_PARAM_construct_end()};
    if (!context || EVP_MAC_CTX_set_params(context.get(), parameters) != 1) throw std::bad_alloc{};
    return context;
}

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
    thread_local const Mac of_sha256 = hmac_with(sha256());
    thread_local const Mac of_sha1 = hmac_with(sha1());
    auto* context = digest == sha256() ? of_sha256.get() : of_sha1.get();
    std::string out(EVP_MAX_MD_SIZE, '\0');
    std::size_t length = 0;
    if (EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(key.data()), key.size(), nullptr) != 1 ||
        EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1 ||
        EVP_MAC_final(context, reinterpret_cast<unsigned char*>(out.data()), &length, out.size()) != 1) {
        throw std::bad_alloc{};
    }
    out.resize(length);
    return out;
}

std::string hash(const EVP_MD* digest, std::string_view text) {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned length = 0;
    EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &length, digest, nullptr);
    out.resize(length);
    return out;
}

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string> saslprep(std::string_view text) {
    char* prepared = nullptr;
    const std::string terminated{text};
    if (terminated.contains('\0')) return std::nullopt;
    if (gsasl_saslprep(terminated.c_str(), GSASL_ALLOW_UNASSIGNED, &prepared, nullptr) != GSASL_OK) return std::nullopt;
    const std::unique_ptr<char, decltype(&gsasl_free)> owner{prepared, &gsasl_free};
    return std::string{prepared};
}

/// RFC 5802 §5.1: =2C is a comma, =3D an equals sign, any other = is an error.
std::optional<std::string> unescape_name(std::string_view text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            name += text[i];
        } else if (text.substr(i, 3) == "=2C" || text.substr(i, 3) == "=3D") {
            name += text[i + 1] == '2' ? ',' : '=';
            i += 2;
        } else {
            return std::nullopt;
        }
    }
    return name;
}

std::string_view take_until_comma(std::string_view& rest) {
    const auto at = rest.find(',');
    const auto head = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return head;
}

}  // namespace

std::expected<storage::ScramKeys, std::string> make_scram_keys(std::string_view password, std::string_view mechanism,
                                                               std::uint32_t iterations, std::string_view salt) {
    const auto prepared = saslprep(password);
    if (!prepared || prepared->empty()) {
        return std::unexpected{"the password is empty or has characters that SASLprep (RFC 4013) forbids"};
    }
    const auto* digest = digest_of(mechanism);
    std::string salted(static_cast<std::size_t>(EVP_MD_get_size(digest)), '\0');
    if (PKCS5_PBKDF2_HMAC(prepared->data(), static_cast<int>(prepared->size()),
                          reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                          static_cast<int>(iterations), digest, static_cast<int>(salted.size()),
                          reinterpret_cast<unsigned char*>(salted.data())) != 1) {
        return std::unexpected{"key derivation failed"};
    }
    return storage::ScramKeys{.mechanism = std::string{mechanism},
                              .salt = std::string{salt},
                              .iterations = iterations,
                              .stored_key = hash(digest, hmac(digest, salted, "Client Key")),
                              .server_key = hmac(digest, salted, "Server Key")};
}

std::expected<storage::ScramKeys, std::string> make_scram_keys(std::string_view password, std::string_view mechanism,
                                                               std::uint32_t iterations) {
    std::string salt(16, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt.size())) != 1) {
        return std::unexpected{"no random numbers"};
    }
    return make_scram_keys(password, mechanism, iterations, salt);
}

std::expected<std::vector<storage::ScramKeys>, std::string> make_all_scram_keys(std::string_view password) {
    constexpr std::uint32_t kIterations = 10'000;
    std::vector<storage::ScramKeys> keys;
    for (const auto* mechanism : {"SCRAM-SHA-1", "SCRAM-SHA-256"}) {
        auto made = make_scram_keys(password, mechanism, kIterations);
        if (!made) return std::unexpected{made.error()};
        keys.push_back(std::move(*made));
    }
    return keys;
}

bool password_matches(std::string_view password, const storage::ScramKeys& keys) {
    const auto made = make_scram_keys(password, keys.mechanism, keys.iterations, keys.salt);
    return made && same(made->stored_key, keys.stored_key);
}

storage::ScramKeys decoy_keys(std::string_view server_secret, std::string_view user, std::string_view mechanism,
                              std::uint32_t iterations) {
    const auto* digest = digest_of(mechanism);
    const auto seed = hmac(sha256(), server_secret, std::string{mechanism} + '\0' + std::string{user});
    return {.mechanism = std::string{mechanism},
            .salt = seed.substr(0, 16),
            .iterations = iterations,
            .stored_key = hmac(digest, seed, "stored"),
            .server_key = hmac(digest, seed, "server")};
}

ScramServer::ScramServer(std::string_view mechanism, bool plus, bool plus_offered, ChannelBindings bindings)
    : hash_name_{mechanism}, plus_{plus}, plus_offered_{plus_offered}, bindings_{std::move(bindings)} {}

std::expected<ScramServer::First, ScramServer::Fault> ScramServer::client_first(std::string_view message) {
    // RFC 5802 §7: gs2-cbind-flag "," [ authzid ] "," client-first-message-bare
    std::string_view rest = message;
    const auto flag = take_until_comma(rest);
    const auto authzid = take_until_comma(rest);
    gs2_header_ = message.substr(0, message.size() - rest.size());
    if (flag.starts_with("p=")) {
        if (!plus_) return std::unexpected{Fault::channel_binding};
        const auto& binding = flag == "p=tls-exporter"           ? bindings_.tls_exporter
                              : flag == "p=tls-server-end-point" ? bindings_.tls_server_end_point
                              : flag == "p=tls-unique"           ? bindings_.tls_unique
                                                                 : std::optional<std::string>{};
        if (!binding) return std::unexpected{Fault::channel_binding};
        cbind_data_ = *binding;
    } else if (flag == "y") {
        // §6: the client believes that we cannot bind; if we said we can, somebody in between took it out.
        if (plus_ || plus_offered_) return std::unexpected{Fault::channel_binding};
    } else if (flag != "n" || plus_) {
        return std::unexpected{plus_ ? Fault::channel_binding : Fault::malformed};
    }
    First first;
    if (!authzid.empty()) {
        const auto name = authzid.starts_with("a=") ? unescape_name(authzid.substr(2)) : std::nullopt;
        if (!name || name->empty()) return std::unexpected{Fault::malformed};
        first.authzid = *name;
    }
    first_bare_ = rest;
    const auto name_part = take_until_comma(rest);  // "m=" (extensions we do not know) fails here, as §5.1 wants
    const auto nonce_part = take_until_comma(rest);
    if (!name_part.starts_with("n=") || !nonce_part.starts_with("r=") || nonce_part.size() < 3) {
        return std::unexpected{Fault::malformed};
    }
    const auto name = unescape_name(name_part.substr(2));
    const auto prepared = name ? saslprep(*name) : std::nullopt;
    if (!prepared || prepared->empty()) return std::unexpected{Fault::malformed};
    first.username = *prepared;
    client_nonce_ = nonce_part.substr(2);
    return first;
}

std::string ScramServer::server_first(storage::ScramKeys keys, std::string_view nonce, std::string_view extensions) {
    keys_ = std::move(keys);
    nonce_ = client_nonce_ + std::string{nonce};
    server_first_ = "r=" + nonce_ + ",s=" + base64_encode(keys_.salt) + ",i=" + std::to_string(keys_.iterations);
    server_first_ += extensions;
    return server_first_;
}

std::expected<std::string, ScramServer::Fault> ScramServer::client_final(std::string_view message) {
    const auto proof_at = message.rfind(",p=");
    if (proof_at == std::string_view::npos) return std::unexpected{Fault::malformed};
    const auto without_proof = message.substr(0, proof_at);
    const auto proof = base64_decode(message.substr(proof_at + 3));
    std::string_view rest = without_proof;
    const auto binding_part = take_until_comma(rest);
    const auto nonce_part = take_until_comma(rest);
    if (!proof || !binding_part.starts_with("c=") || !nonce_part.starts_with("r="))
        return std::unexpected{Fault::malformed};
    const auto binding = base64_decode(binding_part.substr(2));
    if (!binding) return std::unexpected{Fault::malformed};
    if (!same(*binding, gs2_header_ + cbind_data_)) return std::unexpected{Fault::channel_binding};
    if (!same(nonce_part.substr(2), nonce_)) return std::unexpected{Fault::not_authorized};

    // §3: ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage), StoredKey = H(ClientKey)
    const auto* digest = digest_of(hash_name_);
    const auto auth_message = first_bare_ + ',' + server_first_ + ',' + std::string{without_proof};
    auto client_key = hmac(digest, keys_.stored_key, auth_message);
    if (proof->size() != client_key.size()) return std::unexpected{Fault::not_authorized};
    for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] = static_cast<char>(client_key[i] ^ (*proof)[i]);
    if (!same(hash(digest, client_key), keys_.stored_key)) return std::unexpected{Fault::not_authorized};
    return "v=" + base64_encode(hmac(digest, keys_.server_key, auth_message));
}

}  // namespace carillon::auth
