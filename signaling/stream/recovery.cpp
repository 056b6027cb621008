#include "signaling/stream/recovery.h"

namespace carillon::stream {

void Recovery::add_stream(const xmpp::Jid& user, std::uint64_t stream, std::uint32_t handled, SteadyTime until) {
    auto& entry = users_[user];
    entry.handled[stream] = handled;
    entry.until = until;
}

void Recovery::add_message(const xmpp::Jid& user, std::uint64_t stream, std::uint32_t sequence,
                           session::Undelivered message, SteadyTime until) {
    auto& entry = users_[user];
    entry.messages.push_back({stream, sequence, std::move(message)});
    entry.until = until;
}

std::optional<std::uint32_t> Recovery::resume(const xmpp::Jid& user, std::uint64_t stream, std::uint32_t h) {
    const auto at = users_.find(user);
    if (at == users_.end()) return std::nullopt;
    const auto handled = at->second.handled.find(stream);
    std::erase_if(at->second.messages, [&](const Waiting& waiting) {
        const bool seen = waiting.stream == stream && static_cast<std::int32_t>(waiting.sequence - h) <= 0;
        if (seen && waiting.message.custody) waiting.message.custody->reached();
        return seen;
    });
    if (handled == at->second.handled.end()) return std::nullopt;
    return handled->second;
}

std::vector<session::Undelivered> Recovery::take(const xmpp::Jid& user) {
    std::vector<session::Undelivered> messages;
    const auto at = users_.find(user);
    if (at == users_.end()) return messages;
    for (auto& waiting : at->second.messages) messages.push_back(std::move(waiting.message));
    users_.erase(at);
    return messages;
}

std::vector<xmpp::Jid> Recovery::due(SteadyTime now) const {
    std::vector<xmpp::Jid> users;
    for (const auto& [user, entry] : users_) {
        if (now >= entry.until) users.push_back(user);
    }
    return users;
}

}  // namespace carillon::stream
