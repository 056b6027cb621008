#include "signaling/calls/endpoints/module.h"

#include <stdexcept>

#include "config/base/log.h"
#include "config/schema.h"
#include "signaling/calls/endpoints/echo.h"
#include "signaling/calls/endpoints/music.h"
#include "signaling/calls/module.h"
#include "signaling/calls/settings.h"
#include "signaling/calls/voicemail/endpoint.h"
#include "signaling/jingle/invite.h"
#include "signaling/jingle/namespaces.h"
#include "signaling/runtime/web_address.h"
#include "signaling/session/caps_verification.h"
#include "signaling/session/session.h"

namespace carillon::calls {
namespace {

using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr std::string_view kInfo = "http://jabber.org/protocol/disco#info";
constexpr std::string_view kItems = "http://jabber.org/protocol/disco#items";
constexpr std::string_view kPing = "urn:xmpp:ping";
constexpr std::string_view kCaps = "http://jabber.org/protocol/caps";
constexpr std::string_view kCapsNode = "https://carillon.example/endpoint";
constexpr std::string_view kInvite = "urn:xmpp:jingle-message:0";
constexpr std::string_view kStandInResource = "voicemail";  // of the callee, as answer_proposal() has it
constexpr int kStandInPriority = 60;

using namespace std::chrono_literals;

std::string check_address(std::string_view text) {
    if (text.empty()) return {};
    const auto jid = Jid::parse(text);
    return jid && jid->is_domain() ? std::string{} : std::string{"is no domain"};
}

EndpointSettings settings_of(const runtime::ModuleContext& context) {
    EndpointSettings settings;
    config::Problems problems;
    config::Schema schema;
    schema.text("address", settings.address, "Domain of the endpoints; empty: calls. before the host's.", check_address)
        .boolean("echo", settings.echo, "Answer calls to echo@, where callers hear themselves.")
        .text("echo_greeting", settings.echo_greeting,
              "Sound that callers of echo@ hear first: a file (WAV, Ogg/Opus), or gst: and a URI or pipeline.",
              sound_fault)
        .text("music", settings.music,
              "Sound that callers of music@ hear again and again, as above; empty: no such endpoint.", sound_fault)
        .boolean("foreign", settings.foreign, "Let users of other servers call.")
        .integer("calls_per_user", settings.calls_per_user, 1, 100, "Calls of one user to one endpoint at a time.");
    auto& voicemail = settings.voicemail;
    constexpr std::size_t kMiB = 1024 * 1024;
    schema.boolean("voicemail", voicemail.enabled, "Answer for users who are away, busy or do not answer.")
        .duration("voicemail_after", voicemail.after, 0s, 2min, "Without an answer; users may choose otherwise.")
        .duration("voicemail_longest", voicemail.longest, 5s, 30min, "Longest recording.")
        .duration("voicemail_silence", voicemail.silence, 1s, 1min, "Silence that ends a recording.")
        .duration("voicemail_keep", voicemail.keep, 0s, 87600h, "After which a recording goes; 0s: never.")
        .size("voicemail_quota", voicemail.quota, 64 * 1024, 64 * 1024 * kMiB, "Of one user's recordings.")
        .integer("voicemail_messages", voicemail.messages, 1, 500, "In one user's box; more push the oldest out.")
        .text("voicemail_greeting", voicemail.greeting, "Sound for users without a greeting, as above; empty: tones.")
        .text("voicemail_sounds", voicemail.sounds, "Folder of announcements (docs/voicemail.md); empty: tones.");
    if (!context.settings().is_null()) schema.read(context.settings(), "module.endpoints", problems);
    throw_on(problems);
    return settings;
}

Jid domain_of(const runtime::ModuleContext& context, const EndpointSettings& settings) {
    const auto text = settings.address.empty() ? "calls." + std::string{context.host().domain()} : settings.address;
    auto jid = Jid::parse(text);
    if (!jid || !jid->is_domain()) throw std::invalid_argument{text + " is no domain"};
    return std::move(*jid);
}

}  // namespace

EndpointsModule::EndpointsModule(runtime::ModuleContext& context)
    : context_{context},
      settings_{settings_of(context)},
      domain_{domain_of(context, settings_)},
      shard_{shard_calls(context)} {
    if (settings_.echo) add(std::make_unique<EchoEndpoint>(settings_.calls_per_user, settings_.echo_greeting));
    if (!settings_.music.empty()) add(std::make_unique<MusicEndpoint>(settings_.music, settings_.calls_per_user));
    if (settings_.voicemail.enabled) open_voicemail();
    hooks_ += context.item(domain_, "Calls to the server");
    hooks_ += context.serve_domain(domain_, [this](Stanza stanza) { take(std::move(stanza)); });
}

EndpointsModule::~EndpointsModule() {
    for (const auto& endpoint : endpoints_)
        std::erase_if(shard_->endpoints, [&](const auto& entry) { return entry.second == endpoint.get(); });
    if (office_) shard_->stand_ins.erase(std::string{context_.host().domain()});
}

void EndpointsModule::open_voicemail() {
    auto* spool = context_.service<VoicemailSpool>();
    auto* uploads = context_.service<files::Uploads>();
    const auto* web = context_.service<runtime::WebAddress>();
    const auto base = web ? web->of(std::string{context_.host().domain()}) : std::string{};
    if (!spool || !uploads || base.empty())
        return log::warning("no voicemail: it needs pages over TLS, where recordings are fetched", {});
    const auto address = xmpp::Jid::make("voicemail", domain_.domain());
    if (!address) throw std::invalid_argument{domain_.str() + " cannot have an address for voicemail"};
    office_ = std::make_shared<VoicemailOffice>(context_, settings_.voicemail, *address, *spool, *uploads, base);
    auto endpoint = std::make_unique<VoicemailEndpoint>(office_, settings_.calls_per_user);
    shard_->stand_ins[std::string{context_.host().domain()}] = {endpoint.get(), office_};
    add(std::move(endpoint));
    hooks_ += context_.intercept(runtime::Stage::to_local, kStandInPriority,
                                 [this](Stanza& stanza) { return describe_stand_in(stanza); });
}

/// Clients ask whom they are about to call what it can do: USER/voicemail, while no device has that name.
runtime::Verdict EndpointsModule::describe_stand_in(const Stanza& iq) {
    const bool asks = iq.is_iq_request() && iq.type() == "get" && iq.to().resource() == kStandInResource;
    if (!asks || !iq.payload() || !(iq.payload()->is("query", kInfo) || iq.payload()->is("ping", kPing)))
        return runtime::Verdict::pass;
    auto* account = context_.account(iq.to().bare());
    if (account && account->session(kStandInResource)) return runtime::Verdict::pass;
    auto result = Stanza::result_of(iq);
    if (iq.payload()->is("query", kInfo)) result.element().append(info(find(office_->address())));
    context_.route(std::move(result));
    return runtime::Verdict::taken;
}

void EndpointsModule::add(std::unique_ptr<Endpoint> endpoint) {
    const auto address = std::string{endpoint->name()} + '@' + domain_.str();
    if (!shard_->endpoints.try_emplace(address, endpoint.get()).second)
        throw std::invalid_argument{address + " is served twice"};
    endpoints_.push_back(std::move(endpoint));
}

Endpoint* EndpointsModule::find(const Jid& address) const {
    for (const auto& endpoint : endpoints_)
        if (address.node() == endpoint->name()) return endpoint.get();
    return nullptr;
}

bool EndpointsModule::may_call(const Jid& user) const {
    return !user.node().empty() && (settings_.foreign || shard_->modules.contains(user.domain()));
}

void EndpointsModule::take(Stanza stanza) {
    if (stanza.is_error()) return;
    if (stanza.is_message()) return take_message(stanza);
    if (stanza.is_presence()) return take_presence(stanza);
    take_iq(std::move(stanza));
}

/// What a user here says of calls has gone by the controller already.
void EndpointsModule::give_to_controller(Stanza stanza) {
    const bool here = shard_->modules.contains(stanza.from().domain());
    if (here || !may_call(stanza.from())) {
        if (stanza.is_iq_request()) context_.reply_error(stanza, StanzaError::forbidden());
        return;
    }
    const auto hash = pair_hash(stanza.from(), stanza.to());
    context_.on_owner(hash, [host = std::string{context_.host().str()}, stanza](runtime::Module& there) {
        const auto& modules = static_cast<EndpointsModule&>(there).shard_->modules;
        const auto calls = modules.find(host);
        if (calls == modules.end()) return;
        auto& controller = calls->second->controller();
        stanza.is_iq() ? controller.take(host, stanza) : controller.observe(host, stanza);
    });
}

void EndpointsModule::take_message(const Stanza& message) {
    auto* endpoint = find(message.to());
    if (!endpoint) return context_.reply_error(message, StanzaError::item_not_found());
    if (jingle::parse_invite(message.element())) return give_to_controller(message);
    if (may_call(message.from()) && endpoint->take_message(message)) return;
    const bool asks = (message.type() == "chat" || message.type() == "normal" || message.type().empty()) &&
                      message.element().child("body") && !message.element().child("delay");
    if (!asks || !may_call(message.from())) return;
    auto reply = Stanza::message(message.to(), message.from(), "chat");
    reply.element().add("body").add_text(endpoint->help());
    context_.route(std::move(reply));
}

void EndpointsModule::take_presence(const Stanza& presence) {
    const auto* endpoint = find(presence.to());
    if (!endpoint || !may_call(presence.from())) return;
    const auto type = presence.type();
    const auto answer = [&](std::string_view kind) {
        context_.route(Stanza::presence(presence.to().bare(), presence.from().bare(), kind));
    };
    if (type == "subscribe") answer("subscribed");
    if (type == "unsubscribe") answer("unsubscribed");
    if (type == "subscribe" || type == "probe" || (type.empty() && !presence.to().is_domain()))
        show_presence(*endpoint, presence.from());
}

void EndpointsModule::show_presence(const Endpoint& endpoint, const Jid& to) {
    const auto address = Jid::parse(std::string{endpoint.name()} + '@' + domain_.str());
    if (!address) return;
    auto presence = Stanza::presence(address->with_resource(endpoint.name()).value_or(*address), to);
    presence.element().add("status").add_text(endpoint.title());
    if (const auto ver = session::caps_verification(info(&endpoint), "sha-1"))
        presence.element().add("c", kCaps).set("hash", "sha-1").set("node", kCapsNode).set("ver", *ver);
    context_.route(std::move(presence));
}

void EndpointsModule::take_iq(Stanza iq) {
    if (!iq.is_iq_request()) return;
    const auto* jingle = jingle::find_jingle(iq.element());
    if (jingle && iq.type() == "set" && find(iq.to())) return give_to_controller(std::move(iq));
    auto reply = reply_to(iq);
    if (!reply) return context_.reply_error(iq, reply.error());
    auto result = Stanza::result_of(iq);
    if (*reply) result.element().append(std::move(**reply));
    context_.route(std::move(result));
}

runtime::IqReply EndpointsModule::reply_to(const Stanza& iq) const {
    const auto refusal = [](StanzaError error) { return runtime::IqReply{std::unexpect, std::move(error)}; };
    const auto* endpoint = find(iq.to());
    if (!endpoint && !iq.to().node().empty()) return refusal(StanzaError::item_not_found());
    if (!iq.payload()) return refusal(StanzaError::bad_request());
    const auto& payload = *iq.payload();
    if (iq.type() == "get" && payload.is("ping", kPing)) return std::nullopt;
    const bool disco =
        iq.type() == "get" && payload.name() == "query" && (payload.ns() == kInfo || payload.ns() == kItems);
    if (!disco) return refusal(StanzaError::service_unavailable());
    const auto node = payload.attribute("node");
    const bool caps = endpoint && node.starts_with(kCapsNode);
    if (!node.empty() && !caps) return refusal(StanzaError::item_not_found());
    if (payload.ns() == kItems) return endpoint ? xml::Element{"query", kItems} : items();
    auto answer = info(endpoint);
    if (caps) answer.set("node", node);
    return answer;
}

xml::Element EndpointsModule::items() const {
    xml::Element query{"query", kItems};
    for (const auto& endpoint : endpoints_)
        query.add("item")
            .set("jid", std::string{endpoint->name()} + '@' + domain_.str())
            .set("name", endpoint->title());
    return query;
}

xml::Element EndpointsModule::info(const Endpoint* endpoint) const {
    xml::Element query{"query", kInfo};
    auto& identity = query.add("identity");
    identity.set("category", endpoint ? "client" : "component").set("type", endpoint ? "bot" : "generic");
    identity.set("name", endpoint ? endpoint->title() : "Calls to the server");
    const auto feature = [&](std::string_view var) { query.add("feature").set("var", var); };
    for (const auto var : {kInfo, kItems, kPing}) feature(var);
    if (!endpoint) return query;
    namespace ns = jingle::ns;
    for (const auto var : {ns::kJingle, ns::kRtp, ns::kIceUdp, ns::kRawUdp, ns::kDtls, ns::kGrouping, kInvite,
                           ns::kHeaderExtensions, ns::kFeedback, kCaps})
        feature(var);
    feature("urn:xmpp:jingle:apps:rtp:audio");
    feature("urn:xmpp:jingle:apps:rtp:video");
    return query;
}

runtime::ModuleDescriptor endpoints_module() {
    return {.info = {.name = "endpoints",
                     .xep = 0,
                     .version = {},
                     .summary = "Addresses at which the server itself answers calls: echo, voicemail"},
            .make = [](runtime::ModuleContext& context) { return std::make_unique<EndpointsModule>(context); },
            .enabled_by_default = true};
}

}  // namespace carillon::calls
