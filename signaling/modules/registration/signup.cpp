#include "signaling/modules/registration/signup.h"

#include <limits>

#include "config/base/log.h"
#include "signaling/modules/registration/form.h"
#include "signaling/storage/storage.h"

namespace carillon::modules {

using namespace runtime;
using xmpp::Jid;
using xmpp::StanzaError;

namespace {

constexpr std::string_view kPars = "urn:xmpp:pars:0";
constexpr std::string_view kInstructions = "Choose a name and a password for this server.";

IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }

struct Answers {
    std::string username;
    std::string password;
};

/// As plain elements or as a submitted form.
Answers answers_in(const xml::Element& query) {
    if (const auto* form = query.child("x", kDataForms)) {
        return {field_value(*form, "username").value_or(""), field_value(*form, "password").value_or("")};
    }
    return {query.child_text("username", kRegister), query.child_text("password", kRegister)};
}

}  // namespace

Signup::Signup(ModuleContext& context, const RegistrationSettings& settings, std::shared_ptr<Office> office,
               Introduced introduced)
    : context_{context},
      settings_{settings},
      office_{std::move(office)},
      introduced_{std::move(introduced)},
      registered_{context.counter("registered")},
      limited_{context.counter("refused_address_limit")},
      refused_{context.counter("refused")} {
    const auto offered = [](std::string_view ns, bool when) {
        return
            [ns, when](const Stranger&) { return when ? std::optional{xml::Element{"register", ns}} : std::nullopt; };
    };
    hooks_ += context.login_feature(offered("http://jabber.org/features/iq-register", settings.by_invite()));
    hooks_ += context.login_feature(offered("urn:xmpp:ibr-token:0", settings.by_invite()));
    hooks_ += context.stranger_iq("get", kRegister, "query", [this](Stranger& stranger, const xml::Element&) -> Reply {
        auto reply = fields(stranger);
        co_return reply;
    });
    hooks_ += context.stranger_iq("set", kRegister, "query",
                                  [this](Stranger& stranger, const xml::Element& iq) { return sign_up(stranger, iq); });
    hooks_ += context.stranger_iq("set", kPars, "preauth",
                                  [this](Stranger& stranger, const xml::Element& iq) { return preauth(stranger, iq); });
}

/// §3.1: what has to be said, as elements and as a form.
IqReply Signup::fields(const Stranger& stranger) const {
    if (!settings_.by_invite()) return refusal(StanzaError::service_unavailable());
    if (!settings_.open() && stranger.token.empty())
        return refusal(StanzaError::not_allowed().with_text("an invitation is needed to register here"));
    xml::Element query{"query", kRegister};
    query.add("instructions").add_text(kInstructions);
    query.add("username");
    query.add("password");
    auto form = make_form("form", kRegister, "Registration", kInstructions);
    add_field(form, "text-single", "username", "Name", {}, true);
    add_field(form, "text-private", "password", "Password", {}, true);
    query.append(std::move(form));
    return query;
}

/// XEP-0445 §4: expiry counts here and only here.
Signup::Reply Signup::preauth(Stranger& stranger, const xml::Element& iq) {
    if (!settings_.by_invite()) co_return refusal(StanzaError::service_unavailable());
    std::string token{iq.first_child()->attribute("token")};
    if (token.empty()) co_return refusal(StanzaError::bad_request());
    const auto invite = co_await context_.storage().invites().find(token);
    const bool good = invite && invite->registers && invite->host == context_.host().str() &&
                      invite->expires > context_.clock().wall();
    if (!good) co_return refusal(StanzaError::item_not_found().with_text("the invitation is invalid or expired"));
    stranger.token = std::move(token);
    co_return IqReply{std::nullopt};
}

awaitable<std::optional<StanzaError>> Signup::check(const Stranger& stranger, const Jid& user,
                                                    const std::optional<storage::Invite>& invite) {
    using Refused = std::optional<StanzaError>;
    if (!stranger.token.empty() && !invite)  // used up meanwhile
        co_return Refused{StanzaError::not_allowed().with_text("the invitation has been used")};
    const bool named = invite && !invite->account.empty();
    if (named && invite->account != user.node())
        co_return Refused{StanzaError::not_acceptable().with_text("the invitation is for another name")};
    const bool exists = co_await context_.storage().users().exists(user);
    if (exists) co_return Refused{StanzaError::conflict()};
    const bool kept = !named && co_await context_.storage().invites().keeps(
                                    context_.host().str(), std::string{user.node()}, context_.clock().wall());
    if (kept) co_return Refused{StanzaError::conflict()};
    co_return Refused{};
}

Signup::Reply Signup::sign_up(Stranger& stranger, const xml::Element& iq) {
    auto reply = co_await try_sign_up(stranger, iq);
    if (!reply) refused_.add();
    co_return reply;
}

Signup::Reply Signup::try_sign_up(Stranger& stranger, const xml::Element& iq) {
    auto may = fields(stranger);
    if (!may) co_return may;
    const auto& query = *iq.first_child();
    if (query.child("remove", kRegister)) co_return refusal(StanzaError::unexpected_request());
    if (stranger.registered)
        co_return refusal(StanzaError::not_acceptable().with_text("one registration for one connection"));
    const auto answers = answers_in(query);
    if (answers.username.empty() || answers.password.empty()) co_return refusal(StanzaError::not_acceptable());
    if (answers.password.size() < settings_.min_password)
        co_return refusal(StanzaError::not_acceptable().with_text("the password is too short"));
    const auto user = user_address(answers.username, context_.host(), settings_);
    if (!user) co_return refusal(user.error());
    if (!office_->attempts.admit(stranger.address, context_.clock().now(), settings_.attempts_per_address,
                                 settings_.attempts_window)) {
        limited_.add();
        log::warning("too many registrations", {{"peer", stranger.address}});
        co_return refusal(StanzaError::resource_constraint().with_text("too many registrations; try again later"));
    }
    auto& invites = context_.storage().invites();
    auto invite = std::optional<storage::Invite>{};
    if (!stranger.token.empty()) invite = co_await invites.find(stranger.token);
    auto refused = co_await check(stranger, *user, invite);
    if (refused) co_return refusal(std::move(*refused));
    auto keys = co_await office_->make_keys(answers.password);
    if (!keys) co_return refusal(StanzaError::not_acceptable().with_text(keys.error()));
    if (invite) {  // taken before the user is made: of two who come with it at once one is too late
        const bool taken = co_await invites.use(stranger.token);
        if (!taken) co_return refusal(StanzaError::not_allowed().with_text("the invitation has been used"));
    }
    const bool made = co_await context_.storage().users().create(*user, std::move(*keys));
    if (!made) {
        if (invite && invite->uses == 1) {  // XEP-0445 §4: what did not succeed did not use it
            const bool back = co_await invites.add(*invite, std::numeric_limits<std::size_t>::max());
            if (!back) log::warning("an unused invitation is lost", {{"host", invite->host}});
        }
        co_return refusal(StanzaError::conflict());
    }
    stranger.registered = true;
    registered_.add();
    log::info("user registered", {{"user", user->str()},
                                  {"peer", stranger.address},
                                  {"inviter", invite ? invite->inviter.str() : std::string{}}});
    if (invite && !invite->inviter.empty()) co_await introduce(*user, invite->inviter);
    context_.account_made(*user);
    co_return IqReply{std::nullopt};
}

awaitable<void> Signup::introduce(Jid user, Jid inviter) {
    // The new user has asked already and would agree; nobody is logged in yet who would have to be told.
    session::RosterItem item{.jid = inviter, .pending_out = true, .approved = true, .version = 1};
    try {
        co_await context_.storage().rosters().put(user, std::move(item), 1);
    } catch (const storage::StorageError& error) {  // the user is made: that much has been done
        log::error("inviter and invited are not contacts", {{"user", user.str()}, {"reason", error.what()}});
        co_return;
    }
    introduced_(inviter, user);
}

}  // namespace carillon::modules
