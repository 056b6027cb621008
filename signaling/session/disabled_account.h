/// A user who may not log in for the time being.
/// Spec: RFC 6120 §6.5.1 (account-disabled); XEP-0133 1.3.1 §4.3, §4.4.
/// Not here: who disables whom (modules/administration), refusing the log-in (stream/auth_server.h).
#pragma once
#include "signaling/storage/storage.h"

namespace carillon::session {

inline storage::awaitable<bool> is_disabled(storage::Storage& storage, xmpp::Jid user) {
    const auto found = co_await storage.user_data().get(std::move(user), "account", "disabled");
    co_return found.has_value();
}

inline storage::awaitable<void> set_disabled(storage::Storage& storage, xmpp::Jid user, bool disabled) {
    if (disabled) {
        const storage::UserDataStore::Bounds bounds{.entries = 10, .octets = 4096};
        co_await storage.user_data().put(std::move(user), "account", "disabled", "yes", bounds);
    } else {
        co_await storage.user_data().erase(std::move(user), "account", "disabled");
    }
}

}  // namespace carillon::session
