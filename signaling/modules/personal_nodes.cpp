#include "signaling/modules/personal_nodes.h"

#include "signaling/modules/ask.h"

namespace carillon::modules {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;

namespace {

constexpr std::string_view kPubsub = "http://jabber.org/protocol/pubsub";
constexpr std::string_view kOwner = "http://jabber.org/protocol/pubsub#owner";
constexpr std::string_view kForm = "jabber:x:data";
constexpr std::chrono::seconds kDeadline{8};

Stanza request(std::string_view type, const Jid& user, std::string_view ns, xml::Element payload) {
    auto iq = Stanza::iq(type, "", user, user);
    iq.element().add("pubsub", ns).append(std::move(payload));
    return iq;
}

void add_option(xml::Element& form, std::string_view name, std::string_view value, bool hidden = false) {
    auto& field = form.add("field").set("var", name);
    if (hidden) field.set("type", "hidden");
    field.add("value").add_text(value);
}

Stanza publish_request(const Jid& user, std::string_view node, std::string_view id, const xml::Element& payload,
                       const NodeOptions& options) {
    xml::Element publish{"publish", kPubsub};
    publish.set("node", node).add("item").set("id", id).append(payload);
    auto iq = request("set", user, kPubsub, std::move(publish));
    if (options.empty()) return iq;
    auto& form = iq.element().first_child()->add("publish-options").add("x", kForm);
    form.set("type", "submit");
    add_option(form, "FORM_TYPE", "http://jabber.org/protocol/pubsub#publish-options", true);
    for (const auto& [name, value] : options) add_option(form, "pubsub#" + name, value);
    return iq;
}

bool is_result(const std::optional<Stanza>& answer) { return answer && answer->type() == "result"; }

}  // namespace

awaitable<std::optional<std::vector<NodeItem>>> PersonalNodes::items(Jid user, std::string node, std::string id,
                                                                     std::size_t most) {
    xml::Element wanted{"items", kPubsub};
    wanted.set("node", node);
    if (most > 0) wanted.set("max_items", std::to_string(most));
    if (!id.empty()) wanted.add("item").set("id", id);
    auto iq = request("get", user, kPubsub, std::move(wanted));
    const auto answer = co_await ask(context_, std::move(iq), kDeadline);
    if (!is_result(answer)) co_return std::nullopt;
    std::vector<NodeItem> found;
    const auto* pubsub = answer->element().child("pubsub", kPubsub);
    const auto* list = pubsub ? pubsub->child("items", kPubsub) : nullptr;
    for (const auto* item : list ? list->children() : std::vector<const xml::Element*>{}) {
        NodeItem one{std::string{item->attribute("id")}, std::nullopt};
        if (const auto* payload = item->first_child()) one.payload = *payload;
        found.push_back(std::move(one));
    }
    co_return found;
}

awaitable<bool> PersonalNodes::publish(Jid user, std::string node, std::string id, xml::Element payload,
                                       NodeOptions options) {
    auto iq = publish_request(user, node, id, payload, options);
    const auto first = co_await ask(context_, std::move(iq), kDeadline);
    if (is_result(first) || options.empty()) co_return is_result(first);
    auto again = publish_request(user, node, id, payload, {});  // the node is there and otherwise: its user said so
    const auto second = co_await ask(context_, std::move(again), kDeadline);
    co_return is_result(second);
}

awaitable<bool> PersonalNodes::retract(Jid user, std::string node, std::string id) {
    xml::Element retract{"retract", kPubsub};
    retract.set("node", node).set("notify", "true").add("item").set("id", id);
    auto iq = request("set", user, kPubsub, std::move(retract));
    const auto answer = co_await ask(context_, std::move(iq), kDeadline);
    co_return is_result(answer);
}

awaitable<std::string> PersonalNodes::access(Jid user, std::string node) {
    xml::Element configure{"configure", kOwner};
    configure.set("node", node);
    auto iq = request("get", user, kOwner, std::move(configure));
    const auto answer = co_await ask(context_, std::move(iq), kDeadline);
    if (!is_result(answer)) co_return std::string{};
    const auto* pubsub = answer->element().child("pubsub", kOwner);
    const auto* form = pubsub ? pubsub->child("configure", kOwner) : nullptr;
    form = form ? form->child("x", kForm) : nullptr;
    for (const auto* field : form ? form->children() : std::vector<const xml::Element*>{}) {
        if (field->attribute("var") == "pubsub#access_model") co_return field->child_text("value");
    }
    co_return std::string{};
}

std::string_view changed_node(const Stanza& iq) {
    if (!iq.is_iq() || iq.type() != "set" || !iq.payload()) return {};
    if (!iq.to().empty() && iq.to() != iq.from().bare()) return {};
    const auto& payload = *iq.payload();
    if (!payload.is("pubsub", kPubsub) && !payload.is("pubsub", kOwner)) return {};
    for (const auto* action : payload.children()) {
        const auto& name = action->name();
        if (name == "publish" || name == "retract" || name == "purge" || name == "delete")
            return action->attribute("node");
    }
    return {};
}

}  // namespace carillon::modules
