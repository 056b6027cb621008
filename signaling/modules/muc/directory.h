/// The list of public rooms, as disco#items shows it, page by page.
/// Spec: XEP-0045 1.35.1 §6.2; XEP-0059 1.0 §2 (RSM), §2.7 (by index).
#pragma once
#include <map>
#include <optional>
#include <string>

#include "signaling/runtime/module.h"
#include "signaling/xmpp/jid.h"

namespace carillon::modules::rooms {

/// Threading: one shard.
class Directory {
  public:
    /// Nothing: not listed.
    void set(const xmpp::Jid& room, const std::optional<std::string>& name);
    /// `query`: the request's; at most `largest` items in one answer.
    runtime::IqReply items(const xml::Element& query, std::size_t largest) const;

  private:
    std::map<std::string, std::string> names_;  // by JID
};

}  // namespace carillon::modules::rooms
