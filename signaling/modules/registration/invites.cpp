#include "signaling/modules/registration/invites.h"

#include "config/base/log.h"
#include "signaling/modules/registration/form.h"
#include "signaling/modules/registration/invite_links.h"
#include "signaling/runtime/web_address.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules {

using namespace runtime;
using xmpp::StanzaError;

namespace {

constexpr std::size_t kInvitesOfAdmins = 10'000;

CommandReply refusal(StanzaError error) { return CommandReply{std::unexpect, std::move(error)}; }

CommandReply ask_for_name() {
    auto form = make_form("form", "urn:xmpp:invite#account-creation", "Create an account",
                          "The name may stay empty: then it is the invited person's to choose.");
    add_field(form, "text-single", "username", "Name");
    add_field(form, "boolean", "roster-subscription", "Become contacts", "false");
    return CommandStep{.completed = false, .form = std::move(form), .actions = {"complete"}, .note = {}};
}

}  // namespace

Invites::Invites(ModuleContext& context, const RegistrationSettings& settings)
    : context_{context}, settings_{settings} {
    if (const auto* web = context.service<WebAddress>()) web_ = web->of(context.host().str());
    const auto is_own = [&context](const xmpp::Jid& who) {
        return who.domain() == context.host().domain() && !who.node().empty();
    };
    hooks_ += context.command({"urn:xmpp:invite#invite", "Invite somebody",
                               [this, is_own](const xmpp::Jid& who) { return settings_.users_invite && is_own(who); },
                               [this](CommandCall call) { return invite(std::move(call)); }});
    hooks_ += context.command({"urn:xmpp:invite#create-account", "Create an account",
                               [this](const xmpp::Jid& who) { return settings_.is_admin(who); },
                               [this](CommandCall call) { return create_account(std::move(call)); }});
}

/// §4.1: at once, with no questions.
Invites::Reply Invites::invite(CommandCall call) {
    storage::Invite invite{.inviter = call.from.bare(), .registers = settings_.by_invite()};
    auto reply = co_await finish(std::move(invite), settings_.invites_per_user);
    co_return reply;
}

/// §4.4: the name may be given.
Invites::Reply Invites::create_account(CommandCall call) {
    if (!settings_.by_invite())
        co_return refusal(StanzaError::not_allowed().with_text("registration is closed on this server"));
    if (!call.form) co_return ask_for_name();
    storage::Invite invite{.registers = true};
    const auto name = field_value(*call.form, "username").value_or("");
    if (!name.empty()) {
        const auto user = user_address(name, context_.host(), settings_);
        if (!user) co_return refusal(user.error());
        const bool exists = co_await context_.storage().users().exists(*user);
        const bool kept = !exists && co_await context_.storage().invites().keeps(
                                         context_.host().str(), std::string{user->node()}, context_.clock().wall());
        if (exists || kept) co_return refusal(StanzaError::conflict());
        invite.account = user->node();
    }
    const auto contacts = field_value(*call.form, "roster-subscription").value_or("");
    if (contacts == "1" || contacts == "true") invite.inviter = call.from.bare();
    auto reply = co_await finish(std::move(invite), kInvitesOfAdmins);
    co_return reply;
}

Invites::Reply Invites::finish(storage::Invite invite, std::size_t limit) {
    invite.token = make_invite_token();
    invite.host = context_.host().str();
    invite.created = context_.clock().wall();
    invite.expires = invite.created + settings_.invite_expiry;
    storage::Invite stored = invite;
    const bool added = co_await context_.storage().invites().add(std::move(stored), limit);
    if (!added) co_return refusal(StanzaError::resource_constraint().with_text("you have too many living invitations"));
    log::info("invitation made", {{"inviter", invite.inviter.str()}, {"account", invite.account}});
    auto form = make_form("result", "urn:xmpp:invite#invitation");
    add_field(form, "text-single", "uri", "Link", invite_uri(invite));
    if (const auto page = invite_page(invite, web_); !page.empty())
        add_field(form, "text-single", "landing-url", "Page", page);
    add_field(form, "text-single", "expire", "Expires", xmpp::to_datetime(invite.expires));
    CommandStep step{.completed = true, .form = std::move(form), .actions = {}, .note = {}};
    co_return CommandReply{std::move(step)};
}

}  // namespace carillon::modules
