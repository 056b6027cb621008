#include "signaling/modules/service_domain.h"

#include <stdexcept>

namespace carillon::modules {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

namespace {

constexpr std::string_view kInfo = "http://jabber.org/protocol/disco#info";
constexpr std::string_view kItems = "http://jabber.org/protocol/disco#items";
constexpr std::string_view kPing = "urn:xmpp:ping";

}  // namespace

Jid service_address(const ModuleContext& context, const std::string& address, std::string_view label) {
    const auto text = address.empty() ? std::string{label} + '.' + std::string{context.host().domain()} : address;
    auto jid = Jid::parse(text);
    if (!jid || !jid->is_domain()) throw std::invalid_argument{text + " is no domain"};
    return std::move(*jid);
}

std::string check_service_address(std::string_view text) {
    if (text.empty()) return {};
    const auto jid = Jid::parse(text);
    return jid && jid->is_domain() ? std::string{} : std::string{"is no domain"};
}

ServiceDomain::ServiceDomain(ModuleContext& context, ServiceAbout about) : context_{context}, about_{std::move(about)} {
    hooks_ += context.item(about_.jid, about_.name);
    hooks_ += context.serve_domain(about_.jid, [this](Stanza stanza) { take(std::move(stanza)); });
}

void ServiceDomain::on(std::string type, std::string ns, std::string name, Handler handler) {
    if (!handlers_.try_emplace({std::move(type), std::move(ns), std::move(name)}, std::move(handler)).second)
        throw std::logic_error{"two handlers of one request"};
}

void ServiceDomain::take(Stanza stanza) {
    if (stanza.is_error() || stanza.is_presence() || (stanza.is_iq() && !stanza.is_iq_request())) return;
    if (stanza.is_message() || stanza.to() != about_.jid)
        return context_.reply_error(stanza, StanzaError::service_unavailable());
    queue_.push(std::move(stanza));
}

awaitable<void> ServiceDomain::answer(const Stanza& iq) {
    auto reply = co_await reply_to(iq);
    if (!reply) co_return context_.reply_error(iq, reply.error());
    auto result = Stanza::result_of(iq);
    if (*reply) result.element().append(std::move(**reply));
    context_.route(std::move(result));
}

awaitable<IqReply> ServiceDomain::reply_to(const Stanza& iq) {
    if (!iq.payload()) co_return IqReply{std::unexpect, StanzaError::bad_request()};
    const auto& payload = *iq.payload();
    const auto at = handlers_.find({std::string{iq.type()}, payload.ns(), payload.name()});
    if (at != handlers_.end()) co_return co_await at->second(iq);
    const bool asks = iq.type() == "get";
    if (asks && payload.is("ping", kPing)) co_return IqReply{std::nullopt};
    const bool disco = asks && payload.name() == "query" && (payload.ns() == kInfo || payload.ns() == kItems);
    if (!disco) co_return IqReply{std::unexpect, StanzaError::service_unavailable()};
    if (!payload.attribute("node").empty()) co_return IqReply{std::unexpect, StanzaError::item_not_found()};
    if (payload.ns() == kInfo) co_return IqReply{info()};
    co_return IqReply{xml::Element{"query", kItems}};
}

xml::Element ServiceDomain::info() const {
    xml::Element query{"query", kInfo};
    query.add("identity").set("category", about_.category).set("type", about_.type).set("name", about_.name);
    for (const auto feature : {kInfo, kItems, kPing}) query.add("feature").set("var", feature);
    for (const auto& feature : about_.features) query.add("feature").set("var", feature);
    if (about_.form) query.append(about_.form());
    return query;
}

}  // namespace carillon::modules
