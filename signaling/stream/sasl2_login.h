/// What a client asks for along with its log-in, and the server's answer to all of it at once.
/// Spec: XEP-0388 1.0.4 §2.3 (initiation), §2.6 (success), XEP-0386 1.1.0 (Bind 2), XEP-0198 §8 (inline), XEP-0484 0.2
/// (tokens).
/// Not here: doing it (connection_sasl2.cpp), the exchange of the mechanism (auth_server.h).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/base/secret.h"
#include "signaling/session/client_software.h"
#include "signaling/xml/element.h"

namespace carillon::stream {

inline constexpr std::string_view kBind2 = "urn:xmpp:bind:0";
inline constexpr std::string_view kFast = "urn:xmpp:fast:0";

/// Made from an <authenticate/>; goes with the connection until <success/> is out.
struct Sasl2Login {
    session::ClientSoftware client;
    std::optional<xml::Element> resume;  ///< XEP-0198
    std::optional<xml::Element> bind;    ///< XEP-0386
    bool with_token = false;             ///< XEP-0484: <fast/> is there
    bool invalidate = false;             ///< the token is to count no more
    std::string token_mechanism;         ///< of a token that the client would like to have; empty: none

    std::string additional_data;  ///< of the mechanism, once it has succeeded
    std::string token;            ///< a new one as an element's text, or empty
};
std::unique_ptr<Sasl2Login> read_authenticate(const xml::Element& authenticate);

/// The <success/>; `who` is a full JID once a resource is bound. `inside`: the texts of what was done besides.
std::string sasl2_success_text(const Sasl2Login& login, std::string_view who, std::string_view inside);

/// XEP-0386 §3.2.1: what a client wants to see in its resource, and after it something that stays the same for that
/// installation but says nothing about it; or nothing, when it says neither.
std::string inline_resource(const Sasl2Login& login, std::string_view user, const Secret& secret);

}  // namespace carillon::stream
