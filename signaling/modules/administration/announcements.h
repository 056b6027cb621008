/// What administrators tell everybody: now, to all who have an account, or on the next log-in.
/// Spec: XEP-0133 1.3.1 §4.23 to §4.26 (announce, set-motd, edit-motd, delete-motd); "announce-all" as other servers
/// have it.
#pragma once
#include <string>

#include "signaling/modules/administration/command.h"
#include "signaling/session/session.h"
#include "signaling/storage/host_data_store.h"

namespace carillon::modules::administrative {

/// Threading: its module's.
class Announcements {
  public:
    /// `everywhere` runs its argument with the Announcements of every shard.
    using Everywhere = std::function<void(std::function<void(Announcements&)>)>;
    Announcements(runtime::ModuleContext& context, Everywhere everywhere);

    std::vector<Command> commands();
    /// The message of the day, unless the user has had it.
    void greet(const session::Session& session);
    /// On all shards.
    void tell_all_online(const std::string& subject, const std::string& text);
    void came(const xmpp::Jid& session) { online_.push_back(session); }
    void went(const xmpp::Jid& session) { std::erase(online_, session); }

  private:
    runtime::awaitable<void> load();
    runtime::awaitable<Outcome> announce(Form form);
    runtime::awaitable<Outcome> announce_to_all(Form form);
    runtime::awaitable<Outcome> set_motd(Form form, bool tell);
    runtime::awaitable<Outcome> delete_motd();
    runtime::awaitable<void> send_motd(xmpp::Jid session);
    void tell_online(const std::string& subject, const std::string& text);
    void send(const xmpp::Jid& to, const std::string& subject, const std::string& text, std::string_view type);

    runtime::ModuleContext& context_;
    Everywhere everywhere_;
    std::string motd_;     ///< empty: there is none
    std::string motd_id_;  ///< who has had it remembers this
    std::vector<xmpp::Jid> online_;
};

}  // namespace carillon::modules::administrative
