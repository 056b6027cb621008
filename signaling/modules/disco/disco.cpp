/// What a host and an account are and can do.
/// Spec: XEP-0030 2.5.0 §3, §4, §8 (who may ask an account).
#include "signaling/modules/disco/disco.h"

#include "signaling/runtime/disco_registry.h"
#include "signaling/session/session.h"

namespace carillon::modules {
namespace {

using namespace runtime;
using xmpp::StanzaError;

constexpr ModuleInfo kInfo{.name = "disco", .xep = 30, .version = "2.5.0", .summary = "features, identities and items"};
constexpr std::string_view kInfoNs = "http://jabber.org/protocol/disco#info";
constexpr std::string_view kItemsNs = "http://jabber.org/protocol/disco#items";

class Disco final : public Module {
  public:
    explicit Disco(ModuleContext& context) : context_{context} {
        hooks_ += context.identity("server", "im", "Carillon");
        hooks_ += context.identity("account", "registered", "", Target::account);
        for (const auto target : {Target::host, Target::account}) {
            hooks_ += context.feature(kInfoNs, target);
            hooks_ += context.feature(kItemsNs, target);
            hooks_ += context.iq(target, "get", kInfoNs, "query",
                                 [this, target](const xmpp::Stanza& iq) { return info(target, iq); });
            hooks_ += context.iq(target, "get", kItemsNs, "query",
                                 [this, target](const xmpp::Stanza& iq) { return items(target, iq); });
        }
    }

  private:
    /// XEP-0030 §8: an account answers those who may see its presence; others as if it were not there.
    bool may_ask(Target target, const xmpp::Stanza& iq) {
        if (target == Target::host || iq.to().empty() || iq.to().same_bare(iq.from())) return true;
        const auto* account = context_.account(iq.to().bare());
        const auto* item = account ? account->roster().find(iq.from().bare()) : nullptr;
        return item && item->from;
    }

    IqReply info(Target target, const xmpp::Stanza& iq) {
        if (!may_ask(target, iq)) return std::unexpected{StanzaError::service_unavailable()};
        const auto node = iq.payload()->attribute("node");
        if (node.empty()) return context_.disco().info(target);
        auto known = target == Target::host ? context_.disco().node_info(node) : std::nullopt;
        if (!known) return std::unexpected{StanzaError::item_not_found()};
        known->set("node", node);
        return std::move(*known);
    }

    IqReply items(Target target, const xmpp::Stanza& iq) {
        if (!may_ask(target, iq)) return std::unexpected{StanzaError::service_unavailable()};
        const std::string node{iq.payload()->attribute("node")};
        if (!node.empty()) {
            auto known = target == Target::host ? context_.disco().node_items(node, iq.from()) : std::nullopt;
            if (!known) return std::unexpected{StanzaError::item_not_found()};
            known->set("node", node);
            return std::move(*known);
        }
        xml::Element query{"query", kItemsNs};
        if (target == Target::account) return query;
        for (const auto& item : context_.disco().items()) {
            auto& element = query.add("item").set("jid", item.jid.str());
            if (!item.name.empty()) element.set("name", item.name);
        }
        return query;
    }

    ModuleContext& context_;
    Registrations hooks_;
};

}  // namespace

runtime::ModuleDescriptor disco() {
    return {kInfo, [](ModuleContext& context) { return std::make_unique<Disco>(context); }};
}

}  // namespace carillon::modules
