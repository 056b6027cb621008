/// The module: what users change of themselves after log-in, and the parts that bring new ones.
/// Spec: XEP-0077 2.4 §3.2 (removal), §3.3 (password).
/// Not here: before log-in (signup.h), invitations (invites.h), their effect on rosters (pars.h).
#include "signaling/modules/registration/registration.h"

#include "config/base/log.h"
#include "signaling/modules/registration/invites.h"
#include "signaling/modules/registration/pars.h"
#include "signaling/modules/registration/signup.h"
#include "signaling/runtime/shard.h"
#include "signaling/session/session.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{.name = "registration",
                           .xep = 77,
                           .version = "2.4",
                           .summary = "registration, passwords, removal; invitations (XEP-0379, 0401, 0445)"};

class RegistrationModule final : public Module {
  public:
    explicit RegistrationModule(ModuleContext& context)
        : context_{context},
          settings_{read_registration_settings(context)},
          office_{Office::of(context)},
          pars_{context},
          invites_{context, settings_},
          signup_{context, settings_, office_,
                  [this](const Jid& inviter, const Jid& user) { introduce(inviter, user); }} {
        hooks_ += context.feature(kRegister);
        for (const auto target : {Target::host, Target::account}) {
            hooks_ +=
                context.iq(target, "get", kRegister, "query", [this](const Stanza& iq) { return registered(iq); });
            hooks_ +=
                context.iq_async(target, "set", kRegister, "query", [this](const Stanza& iq) { return change(iq); });
        }
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }

    /// The user's own session, asking the host or the own account; else nullptr.
    session::Session* asking(const Stanza& iq) {
        if (!iq.to().empty() && !iq.to().node().empty() && !iq.to().same_bare(iq.from())) return nullptr;
        if (iq.from().domain() != context_.host().domain()) return nullptr;
        auto* account = context_.account(iq.from().bare());
        return account ? account->session(iq.from().resource()) : nullptr;
    }

    IqReply registered(const Stanza& iq) {
        if (!asking(iq)) return std::unexpected{StanzaError::forbidden()};
        xml::Element query{"query", kRegister};
        query.add("registered");
        query.add("username").add_text(iq.from().node());
        query.add("password");
        return query;
    }

    awaitable<IqReply> change(const Stanza& iq) {
        const auto* session = asking(iq);
        if (!session) co_return refusal(StanzaError::forbidden());
        const auto& query = *iq.payload();
        if (query.child("remove", kRegister)) {
            auto reply = co_await remove(iq);
            co_return reply;
        }
        if (!settings_.password_change) co_return refusal(StanzaError::not_allowed());
        if (!session->encrypted())  // §3.3: a password goes over no open line
            co_return refusal(StanzaError::not_authorized());
        const auto username = query.child_text("username", kRegister);
        const auto password = query.child_text("password", kRegister);
        if (username.empty() || password.empty()) co_return refusal(StanzaError::bad_request());
        const auto named = Jid::make(username, context_.host().domain());
        if (!named || *named != iq.from().bare()) co_return refusal(StanzaError::not_allowed());
        if (password.size() < settings_.min_password)
            co_return refusal(StanzaError::not_acceptable().with_text("the password is too short"));
        auto keys = co_await office_->make_keys(password);
        if (!keys) co_return refusal(StanzaError::not_acceptable().with_text(keys.error()));
        const bool set = co_await context_.storage().users().set_keys(iq.from().bare(), std::move(*keys));
        if (!set) co_return refusal(StanzaError::registration_required());
        log::info("password changed", {{"user", iq.from().bare().str()}});
        co_return IqReply{std::nullopt};
    }

    awaitable<IqReply> remove(const Stanza& iq) {
        if (!settings_.removal) co_return refusal(StanzaError::not_allowed());
        if (iq.payload()->children().size() != 1) co_return refusal(StanzaError::bad_request());  // §3.2
        const bool removed = co_await context_.remove_account(iq.from().bare());
        if (!removed) co_return refusal(StanzaError::registration_required());
        log::info("user removed", {{"user", iq.from().bare().str()}, {"by", "the user"}});
        co_return IqReply{std::nullopt};
    }

    /// The inviter's shard has to agree before the request arrives there.
    void introduce(const Jid& inviter, const Jid& user) {
        context_.on_owner(owner_hash(inviter), [inviter, user](Module& there) {
            static_cast<RegistrationModule&>(there).pars_.introduce(inviter, user);
        });
    }

    ModuleContext& context_;
    RegistrationSettings settings_;
    std::shared_ptr<Office> office_;
    Pars pars_;
    Invites invites_;
    Signup signup_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor registration() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<RegistrationModule>(context); }};
}

}  // namespace carillon::modules
