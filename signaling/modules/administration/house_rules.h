/// What administrators lay down for the host, and is kept with it: who they are, who is kept out, what newcomers are
/// told. Spec: XEP-0133 1.3.1 §4.11 (edit-blacklist), §4.27, §4.28 (set-welcome, delete-welcome), §4.29 (edit-admin).
#pragma once
#include <set>
#include <string>

#include "signaling/modules/administration/command.h"
#include "signaling/session/session.h"
#include "signaling/xmpp/block_list.h"

namespace carillon::modules::administrative {

/// Threading: its module's.
class HouseRules {
  public:
    /// `everywhere` runs its argument with the HouseRules of every shard.
    using Everywhere = std::function<void(std::function<void(HouseRules&)>)>;
    /// `admins`: those of the configuration, who stay.
    HouseRules(runtime::ModuleContext& context, std::set<xmpp::Jid> admins, Everywhere everywhere);

    std::vector<Command> commands();
    bool is_admin(const xmpp::Jid& who) const;
    /// Who has never been here is welcomed.
    void greet(const session::Session& session);

  private:
    runtime::awaitable<void> load();
    runtime::awaitable<Outcome> edit_admins(xmpp::Jid admin, Form form);
    runtime::awaitable<Outcome> edit_blacklist(xmpp::Jid admin, Form form);
    runtime::awaitable<Outcome> set_welcome(std::string text);
    runtime::awaitable<void> welcome(xmpp::Jid session);
    runtime::awaitable<bool> keep(std::string_view name, const std::string& text);
    runtime::Verdict keep_out(xmpp::Stanza& stanza, const xmpp::Jid& other);
    void take(std::string_view name, const std::string& text);
    std::vector<std::string> present(std::string_view field) const;

    runtime::ModuleContext& context_;
    const std::set<xmpp::Jid> configured_;
    Everywhere everywhere_;
    std::set<xmpp::Jid> named_;  ///< administrators besides the configured ones
    xmpp::BlockList blacklist_;
    std::string welcome_;  ///< empty: there is none
    runtime::Counter& kept_out_;
    runtime::Registrations hooks_;
};

}  // namespace carillon::modules::administrative
