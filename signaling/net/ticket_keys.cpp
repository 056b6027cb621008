#include "signaling/net/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>

namespace carillon::net {

namespace {

/// As SSL_CTX_set_tlsext_ticket_key_evp_cb has it: -1 an error, 0 no ticket, 1 good, 2 good and to be renewed.
int on_ticket(SSL*, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int seal) noexcept {
    auto& keys = TicketKeys::of_process();
    TicketKeys::Key key;
    auto found = TicketKeys::Found::yes;
    if (seal == 1) {
        key = keys.current();
        std::ranges::copy(key.name, name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    } else {
        found = keys.find(name, key);
        if (found == TicketKeys::Found::no) return 0;
    }
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
                               OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("sha256"), 0),
                               OSSL_PARAM_construct_end()};
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, seal) != 1 ||
        EVP_MAC_CTX_set_params(mac, parameters) != 1) {
        return -1;
    }
    return found == TicketKeys::Found::old ? 2 : 1;
}

}  // namespace

TicketKeys& TicketKeys::of_process() {
    static TicketKeys keys;
    return keys;
}

void TicketKeys::serve(ssl_ctx_st* context) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &on_ticket);
    SSL_CTX_set_timeout(context, std::chrono::seconds{kPeriod}.count());
}

void TicketKeys::rotate(Clock::time_point now) {
    if (now_.made != Clock::time_point{} && now - now_.made < kPeriod) return;
    before_ = now_.made != Clock::time_point{} && now - now_.made < 2 * kPeriod ? now_ : Key{};
    RAND_bytes(now_.name.data(), static_cast<int>(now_.name.size()));
    RAND_bytes(now_.cipher.data(), static_cast<int>(now_.cipher.size()));
    RAND_bytes(now_.mac.data(), static_cast<int>(now_.mac.size()));
    now_.made = now;
}

TicketKeys::Key TicketKeys::current(Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    rotate(now);
    return now_;
}

TicketKeys::Found TicketKeys::find(const unsigned char* name, Key& into, Clock::time_point now) {
    const std::lock_guard lock{mutex_};
    rotate(now);
    for (const auto* key : {&now_, &before_}) {
        if (key->made == Clock::time_point{} || !std::equal(key->name.begin(), key->name.end(), name)) continue;
        into = *key;
        return key == &now_ ? Found::yes : Found::old;
    }
    return Found::no;
}

}  // namespace carillon::net
