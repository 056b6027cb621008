#include "signaling/modules/pubsub/service_desk.h"

#include <array>
#include <cstdio>
#include <random>

#include "signaling/modules/settings.h"
#include "signaling/pubsub/names.h"
#include "signaling/storage/pubsub_store.h"
#include "signaling/storage/storage.h"
#include "signaling/xml/stream_parser.h"
#include "signaling/xmpp/datetime.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;

std::string random_id() {
    std::random_device source;
    std::string id;
    for (int i = 0; i < 4; ++i) {
        std::array<char, 9> text{};
        std::snprintf(text.data(), text.size(), "%08x", source());
        id += text.data();
    }
    return id;
}

std::optional<xml::Element> parse_payload(const std::optional<std::string>& document) {
    if (!document || document->empty()) return std::nullopt;
    auto parsed = xml::parse_document(*document);
    if (!parsed) return std::nullopt;
    return std::move(*parsed);
}

}  // namespace

ServiceDesk::ServiceDesk(ModuleContext& context, pubsub::Policy policy)
    : context_{context}, policy_{std::move(policy)}, events_{context.counter("events")} {}

awaitable<ServicePtr> ServiceDesk::load(Jid jid, bool personal) {
    auto snapshot = co_await storage::pubsub_of(context_.storage()).load(jid);
    co_return std::make_shared<pubsub::Service>(
        pubsub::restore(std::move(jid), personal, std::move(snapshot), policy_.defaults));
}

pubsub::Request ServiceDesk::request(const Jid& from, const xml::Element* payload, bool set) const {
    return {from, set, payload, context_.clock().wall(), random_id};
}

void ServiceDesk::send(const Jid& from, const Jid& to, std::vector<xml::Element> payload, bool chat) {
    auto message = Stanza::message(from, to, chat ? "" : "headline");
    message.element().set("id", random_id());
    for (auto& element : payload) message.element().append(std::move(element));
    events_.add();
    context_.route(std::move(message));
}

void ServiceDesk::broadcast(const Jid& from, const pubsub::Broadcast& event) {
    for (const auto& recipient : event.to) {
        std::vector<xml::Element> payload{event.event};
        if (!recipient.collection.empty()) {  // XEP-0248 §6.1
            xml::Element headers{"headers", pubsub::kShim};
            headers.add("header").set("name", "Collection").add_text(recipient.collection);
            payload.push_back(std::move(headers));
        }
        send(from, recipient.to, std::move(payload), event.chat);
    }
}

awaitable<void> ServiceDesk::fill(ServicePtr service, pubsub::Fetch fetch, xml::Element& answer) {
    auto* items = answer.child("items", pubsub::kPubsub);
    if (!items || fetch.ids.empty()) co_return;
    auto payloads = co_await storage::pubsub_of(context_.storage()).payloads(service->jid, fetch.node, fetch.ids);
    auto* node = service->find(fetch.node);
    if (!node) co_return;
    for (std::size_t i = 0; i < fetch.ids.size() && i < payloads.size(); ++i) {
        const auto* item = node->items.find(fetch.ids[i]);
        if (!item || !payloads[i]) continue;
        items->append(pubsub::item_element(*service, *item, parse_payload(payloads[i]), pubsub::kPubsub));
    }
}

awaitable<IqReply> ServiceDesk::finish(ServicePtr service, pubsub::Outcome outcome, std::function<void()> failed) {
    if (!outcome.changes.empty()) {
        try {
            co_await storage::pubsub_of(context_.storage()).apply(service->jid, std::move(outcome.changes));
        } catch (const storage::StorageError&) {
            failed();
            throw;
        }
    }
    for (const auto& event : outcome.broadcasts) broadcast(service->jid, event);
    for (auto& direct : outcome.directs) send(service->jid, direct.to, std::move(direct.payload), direct.chat);
    if (!outcome.last_items.empty()) co_await send_last(service, std::move(outcome.last_items));
    if (outcome.fetch && outcome.reply && *outcome.reply)
        co_await fill(service, std::move(*outcome.fetch), **outcome.reply);
    co_return std::move(outcome.reply);
}

awaitable<void> ServiceDesk::send_last(ServicePtr service, std::vector<pubsub::LastItem> wanted) {
    for (const auto& one : wanted) {
        const auto* node = service->find(one.node);
        const auto* newest = node ? node->items.newest() : nullptr;
        if (!newest) continue;
        const pubsub::Item item = *newest;
        const bool chat = node->config.chat;
        const bool whole = node->config.deliver_payloads;
        std::vector<std::string> ids{item.id};
        auto payloads =
            co_await storage::pubsub_of(context_.storage()).payloads(service->jid, one.node, std::move(ids));
        if (payloads.empty() || !payloads.front()) continue;
        xml::Element event{"event", pubsub::kEvent};
        auto payload = whole ? parse_payload(payloads.front()) : std::nullopt;
        event.add("items")
            .set("node", one.node)
            .append(pubsub::item_element(*service, item, std::move(payload), pubsub::kEvent));
        xml::Element delay{"delay", pubsub::kDelay};  // XEP-0060 §7.1.2.1, note on the last item
        delay.set("stamp", xmpp::to_datetime(item.published));
        std::vector<xml::Element> parts;
        parts.push_back(std::move(event));
        parts.push_back(std::move(delay));
        send(service->jid, one.to, std::move(parts), chat);
    }
}

pubsub::Policy read_policy(ModuleContext& context, std::string_view module, pubsub::Policy policy) {
    config::Schema schema;
    schema.integer("nodes", policy.nodes, 1, 1'000'000, "Nodes of one service.")
        .integer("items", policy.bounds.items, 1, 100'000, "Items of one node: what max means.")
        .size("item_size", policy.bounds.item_octets, 1024, 16 * 1024 * 1024, "Octets of one item.")
        .size("size", policy.octets, 64 * 1024, 64ULL * 1024 * 1024 * 1024, "Octets of all items of one service.")
        .integer("subscriptions", policy.subscriptions, 1, 1'000'000, "Subscriptions of one node.");
    read_settings(context, schema, module);
    return policy;
}

}  // namespace carillon::modules
