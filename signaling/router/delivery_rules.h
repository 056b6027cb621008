/// The delivery rules as tables: what is done with a message or presence for a local address, given who is online.
/// Spec: RFC 6121 §8.5.
/// Not here: doing it (router.h); IQs, which have one rule only (RFC 6120 §8.2.3, RFC 6121 §8.5.3).
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace carillon::router {

enum class MessageType : std::uint8_t { normal, chat, headline, groupchat, error };

/// RFC 6121 §5.2.2: an unknown or absent type is "normal".
constexpr MessageType message_type(std::string_view type) {
    if (type == "chat") return MessageType::chat;
    if (type == "headline") return MessageType::headline;
    if (type == "groupchat") return MessageType::groupchat;
    if (type == "error") return MessageType::error;
    return MessageType::normal;
}

enum class MessageAction : std::uint8_t {
    deliver,  ///< to the one session (full JID), or to all with non-negative priority (bare JID)
    as_bare,  ///< the full JID's resource is gone: go on as if addressed to the bare JID
    keep,     ///< nobody is there: to the keepers of undelivered messages; if none takes it, service-unavailable
    offer,    ///< as keep, but if none takes it nothing is answered
    bounce,   ///< service-unavailable
    drop,     ///< silently
};

/// §8.5.2: to a bare JID. `reachable`: some available resource has a non-negative priority.
constexpr MessageAction message_to_bare(MessageType type, bool reachable) {
    switch (type) {
        case MessageType::error:
            return MessageAction::drop;  // §8.5.2.1.1, §8.5.2.2.1
        case MessageType::groupchat:
            return MessageAction::bounce;  // both
        case MessageType::headline:
            return reachable ? MessageAction::deliver : MessageAction::offer;
        // Of the two ways that §8.5.2.1.1 leaves for chat and normal we take "all non-negative resources": a call's
        // invitation must ring every device.
        case MessageType::chat:
        case MessageType::normal:
            return reachable ? MessageAction::deliver : MessageAction::keep;
    }
    return MessageAction::drop;
}

/// §8.5.3: to a full JID. `connected`: that resource is bound, whether available or not.
constexpr MessageAction message_to_full(MessageType type, bool connected) {
    if (connected) return MessageAction::deliver;  // §8.5.3.1
    switch (type) {
        case MessageType::chat:
            return MessageAction::as_bare;  // §8.5.3.2.1
        case MessageType::normal:
        case MessageType::groupchat:
            return MessageAction::bounce;  // of "ignore" or "error" the one that tells
        case MessageType::headline:
        case MessageType::error:
            return MessageAction::drop;
    }
    return MessageAction::drop;
}

/// §8.5.1: to an account that does not exist.
constexpr MessageAction message_to_nobody(MessageType type) {
    return type == MessageType::error ? MessageAction::drop : MessageAction::bounce;
}

/// RFC 6121 §3: presence that asks for or tells of a subscription; it goes by the bare JIDs.
constexpr bool is_subscription(std::string_view type) {
    return type == "subscribe" || type == "subscribed" || type == "unsubscribe" || type == "unsubscribed";
}

/// RFC 6121 §4.7.1, with "" for available; nothing for a type that does not exist.
constexpr bool is_presence_type(std::string_view type) {
    return type.empty() || type == "unavailable" || type == "probe" || type == "error" || is_subscription(type);
}

/// RFC 6121 §4.7.2.3: an integer from -128 to 127; absent means 0, anything else is no priority at all.
std::optional<int> parse_priority(std::string_view text);

}  // namespace carillon::router
