#include "signaling/modules/registration/settings.h"

#include <algorithm>
#include <array>

#include "signaling/modules/settings.h"

namespace carillon::modules {
namespace {

using namespace std::chrono_literals;
using xmpp::StanzaError;

constexpr std::size_t kMaxName = 64;  // octets; addresses may be longer, people's names for themselves are not

/// Offices (RFC 2142), and what might be taken for the server or its people.
constexpr std::array<std::string_view, 24> kOffices{
    "abuse",         "admin",     "administrator", "anonymous", "ftp",     "help",    "hostmaster", "info",
    "mailer-daemon", "marketing", "news",          "nobody",    "noc",     "noreply", "operator",   "postmaster",
    "root",          "sales",     "security",      "server",    "support", "system",  "webmaster",  "xmpp"};

std::string check_user(std::string_view text) {
    const auto jid = xmpp::Jid::parse(text);
    return jid && jid->is_bare() && !jid->node().empty() ? "" : "is no user's address";
}

}  // namespace

bool RegistrationSettings::is_admin(const xmpp::Jid& user) const {
    return std::ranges::any_of(admins, [&](const auto& text) {
        const auto admin = xmpp::Jid::parse(text);
        return admin && *admin == user.bare();
    });
}

RegistrationSettings read_registration_settings(const runtime::ModuleContext& context) {
    RegistrationSettings s;
    config::Schema schema;
    schema
        .choice("mode", s.mode, {"closed", "invite", "open"},
                "Who may register before log-in. closed: nobody; invite: who has an invitation; open: anybody.")
        .boolean("password_change", s.password_change, "Users may change their password.")
        .boolean("removal", s.removal, "Users may remove their account.")
        .integer("attempts_per_address", s.attempts_per_address, 1, 10'000,
                 "Registrations that one address (IPv6: one /64) may try within attempts_window.")
        .duration("attempts_window", s.attempts_window, 1s, 168h, "See attempts_per_address.")
        .integer("min_password", s.min_password, 1, 1023, "Octets of the shortest password.")
        .texts("reserved", s.reserved, R"(["ceo"])", "Names that nobody may register, besides those of offices.")
        .boolean("users_invite", s.users_invite, "Users may make invitations.")
        .texts("admins", s.admins, R"(["ann@example.org"])",
               "Users who may make invitations that make an account, whatever the mode.", check_user)
        .duration("invite_expiry", s.invite_expiry, 1min, 8760h, "How long an invitation lives.")
        .integer("invites_per_user", s.invites_per_user, 1, 10'000, "Living invitations of one user.");
    read_settings(context, schema, "registration");
    return s;
}

std::expected<xmpp::Jid, StanzaError> user_address(std::string_view name, const xmpp::Jid& host,
                                                   const RegistrationSettings& settings) {
    auto jid = xmpp::Jid::make(name, host.domain());
    if (!jid || jid->node().empty() || jid->node().size() > kMaxName)
        return std::unexpected{StanzaError::not_acceptable().with_text("that is no name that a user can have")};
    const auto taken = [&](std::string_view reserved) { return jid->node() == reserved; };
    if (std::ranges::any_of(kOffices, taken) || std::ranges::any_of(settings.reserved, taken))
        return std::unexpected{StanzaError::not_acceptable().with_text("that name is reserved")};
    return *jid;
}

}  // namespace carillon::modules
