#include "signaling/modules/registration/invite_links.h"

#include <openssl/rand.h>

#include <array>

namespace carillon::modules {
namespace {

/// RFC 5122 §2.2: what is not unreserved is escaped.
void append_part(std::string& out, std::string_view text) {
    constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : text) {
        if (kPlain.contains(c)) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += "0123456789ABCDEF"[byte >> 4];
            out += "0123456789ABCDEF"[byte & 15];
        }
    }
}

}  // namespace

std::string make_invite_token() {
    std::array<unsigned char, 26> random{};
    RAND_bytes(random.data(), random.size());
    std::string token;
    for (const auto byte : random) token += "abcdefghijkmnpqrstuvwxyz23456789"[byte & 31];
    return token;
}

std::string invite_uri(const storage::Invite& invite) {
    std::string uri = "xmpp:";
    const bool contact = !invite.inviter.empty();
    const std::string_view node = contact ? invite.inviter.node() : std::string_view{invite.account};
    if (!node.empty()) {
        append_part(uri, node);
        uri += '@';
    }
    append_part(uri, contact ? invite.inviter.domain() : std::string_view{invite.host});
    uri += contact ? "?roster;preauth=" : "?register;preauth=";
    append_part(uri, invite.token);
    if (contact && invite.registers) uri += ";ibr=y";
    return uri;
}

std::string invite_page(const storage::Invite& invite, const std::string& web) {
    return web.empty() ? std::string{} : web + "/invite?" + invite.token;
}

}  // namespace carillon::modules
