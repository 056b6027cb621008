/// Registration before log-in: openly, or with an invitation.
/// Spec: XEP-0077 2.4 §3.1, XEP-0445 0.2.0.
/// Not here: what users change after log-in (registration.cpp), how invitations are made (invites.h).
#pragma once
#include <memory>

#include "signaling/modules/registration/office.h"
#include "signaling/modules/registration/settings.h"

namespace carillon::storage {
struct Invite;
}

namespace carillon::modules {

inline constexpr std::string_view kRegister = "jabber:iq:register";

/// Threading: its module's shard.
class Signup {
  public:
    /// The inviter is to agree to the subscription that the new user has asked for.
    using Introduced = std::function<void(const xmpp::Jid& inviter, const xmpp::Jid& user)>;

    Signup(runtime::ModuleContext& context, const RegistrationSettings& settings, std::shared_ptr<Office> office,
           Introduced introduced);

  private:
    using Reply = runtime::awaitable<runtime::IqReply>;
    runtime::IqReply fields(const runtime::Stranger& stranger) const;
    Reply preauth(runtime::Stranger& stranger, const xml::Element& iq);
    Reply sign_up(runtime::Stranger& stranger, const xml::Element& iq);
    Reply try_sign_up(runtime::Stranger& stranger, const xml::Element& iq);
    /// Nothing when the stranger may make that user.
    runtime::awaitable<std::optional<xmpp::StanzaError>> check(const runtime::Stranger& stranger, const xmpp::Jid& user,
                                                               const std::optional<storage::Invite>& invite);
    /// XEP-0379: inviter and invited become contacts, by a subscription that both sides have approved.
    runtime::awaitable<void> introduce(xmpp::Jid user, xmpp::Jid inviter);

    runtime::ModuleContext& context_;
    const RegistrationSettings& settings_;
    std::shared_ptr<Office> office_;
    Introduced introduced_;
    runtime::Counter& registered_;
    runtime::Counter& limited_;
    runtime::Counter& refused_;
    runtime::Registrations hooks_;
};

}  // namespace carillon::modules
