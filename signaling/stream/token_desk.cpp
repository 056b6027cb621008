#include "signaling/stream/token_desk.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "signaling/stream/sasl2_login.h"
#include "signaling/stream/stream_text.h"
#include "signaling/xml/writer.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::stream {

Secret TokenDesk::token_of(const xmpp::Jid& user, std::string_view client, const storage::StoredToken& stored) const {
    std::string text = "fast token\n" + user.str();
    for (const auto part : {client, std::string_view{stored.mechanism}, std::string_view{stored.salt}})
        text.append("\n").append(part);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), secret_.reveal().data(), static_cast<int>(secret_.reveal().size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash, &length);
    return Secret{base64_encode({reinterpret_cast<const char*>(hash), length})};
}

awaitable<TokenDesk::Shown> TokenDesk::known(storage::TokenStore& store, xmpp::Jid user, std::string client,
                                             std::string mechanism) {
    Shown shown;
    auto owner = user;
    auto id = client;
    for (auto& token : co_await store.load(std::move(owner), std::move(id))) {
        if (token.mechanism != mechanism) continue;  // §3.4: a token is good for one mechanism
        shown.candidates.push_back({token_of(user, client, token), token.expires <= clock_.wall()});
        shown.stored.push_back(std::move(token));
    }
    co_return shown;
}

awaitable<std::string> TokenDesk::issue(storage::TokenStore& store, xmpp::Jid user, std::string client,
                                        std::string mechanism) {
    unsigned char random[18];
    RAND_bytes(random, sizeof random);
    const auto now = clock_.wall();
    storage::StoredToken stored{.mechanism = std::move(mechanism),
                                .salt = base64_encode({reinterpret_cast<const char*>(random), sizeof random}),
                                .issued = now,
                                .expires = now + policy_.lifetime,
                                .fresh = true};
    xml::Element element{"token", kFast};
    element.set("expiry", xmpp::to_datetime(stored.expires)).set("token", token_of(user, client, stored).reveal());
    co_await store.put(std::move(user), std::move(client), std::move(stored), policy_.clients);
    co_return xml::to_string(element);
}

awaitable<void> TokenDesk::used(storage::TokenStore& store, xmpp::Jid user, std::string client,
                                storage::StoredToken token) {
    if (token.fresh) co_await store.promote(std::move(user), std::move(client));
}

}  // namespace carillon::stream
