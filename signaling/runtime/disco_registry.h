/// What one virtual host says of itself on this shard: the features, identities and items that living registrations
/// declare. The disco module reads it; nobody else needs to.
/// Spec: XEP-0030 §3, §4.
/// Not here: the answers to disco#info and disco#items (modules/disco).
#pragma once
#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "signaling/runtime/module.h"

namespace carillon::runtime {

struct DiscoIdentity {
    std::string category;
    std::string type;
    std::string name;
};

struct DiscoItem {
    xmpp::Jid jid;
    std::string name;
};

/// Threading: the shard it belongs to. The vectors are sorted by nothing: order of declaration.
class DiscoRegistry {
  public:
    std::vector<std::string> features(Target target) const {
        std::vector<std::string> found;
        std::set<std::string_view> seen;  // two modules may need the same feature; it is said once
        for (const auto& entry : features_) {
            if (entry.target == target && seen.insert(entry.value).second) found.push_back(entry.value);
        }
        return found;
    }
    std::vector<DiscoIdentity> identities(Target target) const {
        std::vector<DiscoIdentity> found;
        for (const auto& entry : identities_) {
            if (entry.target == target) found.push_back(entry.value);
        }
        return found;
    }
    std::vector<DiscoItem> items() const {
        std::vector<DiscoItem> found;
        for (const auto& entry : items_) found.push_back(entry.value);
        return found;
    }

    /// The disco#info of `target`, without a node.
    xml::Element info(Target target) const;
    /// Changes with every declaration that comes or goes: what was computed of info() holds while it stays.
    std::uint64_t revision() const { return revision_; }
    /// The disco#info of a node of the host that some module knows, or nothing.
    std::optional<xml::Element> node_info(std::string_view node) const;

    /// The disco#items of a node of the host that some module knows, or nothing.
    std::optional<xml::Element> node_items(std::string_view node, const xmpp::Jid& asker) const;

    Registration add_items(DiscoItemsHandler handler) { return add(node_items_, Target::host, std::move(handler)); }
    Registration add_node(DiscoNodeHandler handler) { return add(nodes_, Target::host, std::move(handler)); }
    Registration add_feature(Target target, std::string var) { return add(features_, target, std::move(var)); }
    Registration add_identity(Target target, DiscoIdentity identity) {
        return add(identities_, target, std::move(identity));
    }
    Registration add_form(Target target, xml::Element form) { return add(forms_, target, std::move(form)); }
    Registration add_item(DiscoItem item) { return add(items_, Target::host, std::move(item)); }

  private:
    template <class T>
    struct Entry {
        Target target;
        T value;
    };
    template <class T>
    Registration add(std::list<Entry<T>>& list, Target target, T value) {
        const auto at = list.insert(list.end(), Entry<T>{target, std::move(value)});
        ++revision_;
        return Registration{[this, &list, at] {
            list.erase(at);
            ++revision_;
        }};
    }

    std::list<Entry<std::string>> features_;
    std::list<Entry<DiscoIdentity>> identities_;
    std::list<Entry<DiscoItem>> items_;
    std::list<Entry<xml::Element>> forms_;
    std::list<Entry<DiscoNodeHandler>> nodes_;
    std::list<Entry<DiscoItemsHandler>> node_items_;
    std::uint64_t revision_ = 0;
};

}  // namespace carillon::runtime
