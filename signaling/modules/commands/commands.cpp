/// Ad-hoc commands: who may run what, step by step.
/// Spec: XEP-0050 1.3.0 §2.4 (steps), §3.4 (actions), §4.4 (errors).
/// Not here: the commands (ModuleContext::command), which modules offer.
#include "signaling/modules/commands/commands.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <map>

#include "signaling/runtime/command_registry.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::Jid;
using xmpp::Stanza;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{
    .name = "commands", .xep = 50, .version = "1.3.0", .summary = "runs the commands that modules offer"};
constexpr std::string_view kNs = "http://jabber.org/protocol/commands";
constexpr std::string_view kData = "jabber:x:data";
constexpr std::size_t kMaxOpen = 1000;         // commands under way on this shard
constexpr std::size_t kMaxOpenOfOne = 10;      // of one user
constexpr std::chrono::minutes kPatience{10};  // between two steps

StanzaError bad(std::string_view what) { return StanzaError::bad_request().with(xml::Element{what, kNs}); }

std::string make_id() {
    std::array<unsigned char, 12> random{};
    RAND_bytes(random.data(), random.size());
    std::string id;
    for (const auto byte : random) {
        id += "0123456789abcdef"[byte >> 4];
        id += "0123456789abcdef"[byte & 15];
    }
    return id;
}

/// A command that waits for its next step.
struct Open {
    Jid from;
    std::string node;
    std::shared_ptr<void> state;
    std::vector<std::string> actions;
    SteadyTime touched{};
};

class Commands final : public Module {
  public:
    explicit Commands(ModuleContext& context) : context_{context} {
        hooks_ += context.feature(kNs);
        hooks_ += context.disco_items([this](std::string_view node, const Jid& asker) { return items(node, asker); });
        hooks_ += context.disco_node([this](std::string_view node) { return info(node); });
        hooks_ += context.iq_async(Target::host, "set", kNs, "command", [this](const Stanza& iq) { return run(iq); });
    }

  private:
    static IqReply refusal(StanzaError error) { return IqReply{std::unexpect, std::move(error)}; }

    std::optional<xml::Element> items(std::string_view node, const Jid& asker) const {
        if (node != kNs) return std::nullopt;
        xml::Element query{"query", "http://jabber.org/protocol/disco#items"};
        for (const auto& command : context_.commands().all()) {
            if (!command.allowed(asker)) continue;
            query.add("item").set("jid", context_.host().str()).set("node", command.node).set("name", command.name);
        }
        return query;
    }

    std::optional<xml::Element> info(std::string_view node) const {
        const auto* command = context_.commands().find(node);
        if (!command && node != kNs) return std::nullopt;
        xml::Element query{"query", "http://jabber.org/protocol/disco#info"};
        auto& identity = query.add("identity").set("category", "automation");
        identity.set("type", command ? "command-node" : "command-list");
        identity.set("name", command ? std::string_view{command->name} : "Commands");
        query.add("feature").set("var", kNs);
        query.add("feature").set("var", kData);
        return query;
    }

    awaitable<IqReply> run(const Stanza& iq) {
        const auto& request = *iq.payload();
        const auto* command = context_.commands().find(request.attribute("node"));
        if (!command) co_return refusal(StanzaError::item_not_found());
        if (!command->allowed(iq.from())) co_return refusal(StanzaError::forbidden());
        std::string action{request.attribute("action")};
        if (action.empty()) action = "execute";
        constexpr std::array<std::string_view, 5> kActions{"execute", "prev", "next", "complete", "cancel"};
        if (std::ranges::find(kActions, action) == kActions.end()) co_return refusal(bad("malformed-action"));
        std::string id{request.attribute("sessionid")};
        forget_old();
        Open open{.from = iq.from(), .node = command->node};
        if (!id.empty()) {
            const auto at = open_.find(id);
            if (at == open_.end() || at->second.from != iq.from() || at->second.node != command->node)
                co_return refusal(bad("bad-sessionid"));
            if (action == "cancel") {
                open_.erase(at);
                co_return IqReply{answer(*command, id, "canceled", {})};
            }
            const auto& allowed = at->second.actions;
            if (action != "execute" && std::ranges::find(allowed, action) == allowed.end())
                co_return refusal(bad("bad-action"));
            // §3.4: "execute" is the first of what is offered: go on, or end it.
            if (action == "execute") action = allowed.empty() ? "complete" : allowed.front();
            open = std::move(at->second);
            open_.erase(at);
        } else if (action != "execute") {
            co_return refusal(bad("bad-action"));
        }
        const auto call = command->run;  // the command may go while it works
        const std::string node = command->node;
        const auto* form = request.child("x", kData);
        if (form && form->attribute("type") != "submit") co_return refusal(bad("bad-payload"));
        CommandCall arguments{iq.from(), action, form, &open.state};
        auto step = co_await call(std::move(arguments));
        if (!step) co_return refusal(std::move(step.error()));
        if (id.empty()) id = make_id();
        command = context_.commands().find(node);
        if (!command) co_return refusal(StanzaError::item_not_found());
        if (step->completed) co_return IqReply{answer(*command, id, "completed", *step)};
        if (!has_room(iq.from())) co_return refusal(StanzaError::resource_constraint());
        open.actions = step->actions;
        open.touched = context_.clock().now();
        open_.insert_or_assign(id, std::move(open));
        co_return IqReply{answer(*command, id, "executing", *step)};
    }

    xml::Element answer(const AdHocCommand& command, const std::string& id, std::string_view status,
                        const CommandStep& step) const {
        xml::Element element{"command", kNs};
        element.set("node", command.node).set("sessionid", id).set("status", status);
        if (!step.actions.empty()) {
            auto& actions = element.add("actions");
            actions.set("execute", step.actions.front());
            for (const auto& action : step.actions) actions.add(action);
        }
        if (!step.note.empty()) element.add("note").set("type", "info").add_text(step.note);
        if (step.form) element.append(*step.form);
        return element;
    }

    void forget_old() {
        const auto now = context_.clock().now();
        std::erase_if(open_, [&](const auto& entry) { return now - entry.second.touched > kPatience; });
    }
    bool has_room(const Jid& who) const {
        const auto own =
            std::ranges::count_if(open_, [&](const auto& each) { return each.second.from.same_bare(who); });
        return open_.size() < kMaxOpen && static_cast<std::size_t>(own) < kMaxOpenOfOne;
    }

    ModuleContext& context_;
    std::map<std::string, Open> open_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor commands() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Commands>(context); }};
}

}  // namespace carillon::modules
