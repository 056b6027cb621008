/// What an operator may set of registration and invitations, and which names nobody may take.
/// Spec: XEP-0077 §3.1.1 (who may register is local policy), RFC 2142 (names of offices).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "signaling/runtime/module.h"

namespace carillon::modules {

struct RegistrationSettings {
    std::string mode = "closed";  ///< closed, invite, open
    bool password_change = true;
    bool removal = true;
    std::size_t attempts_per_address = 5;
    config::Duration attempts_window = std::chrono::hours{1};
    std::size_t min_password = 8;  ///< octets
    std::vector<std::string> reserved;
    bool users_invite = true;
    std::vector<std::string> admins;
    config::Duration invite_expiry = std::chrono::hours{7 * 24};
    std::size_t invites_per_user = 20;

    bool open() const { return mode == "open"; }
    bool by_invite() const { return mode != "closed"; }  ///< an invitation lets people in
    bool is_admin(const xmpp::Jid& user) const;
};

/// Throws std::invalid_argument with every problem of the module's table.
RegistrationSettings read_registration_settings(const runtime::ModuleContext& context);

/// The address of a user with that name, prepared; or why nobody can have it.
std::expected<xmpp::Jid, xmpp::StanzaError> user_address(std::string_view name, const xmpp::Jid& host,
                                                         const RegistrationSettings& settings);

}  // namespace carillon::modules
