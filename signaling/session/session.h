/// Who is there: the accounts of a shard and their sessions, as modules see them.
/// Spec: RFC 6120 §7 (binding), RFC 6121 §4 (presence), §8 (delivery).
/// Not here: sockets and streams (stream/), the delivery rules (router/).
#pragma once
#include <algorithm>
#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "signaling/session/roster.h"
#include "signaling/xmpp/stanza.h"

namespace carillon::session {

class Account;

/// Keeps per-module state of an account or session under a type of the module's own.
class Slots {
  public:
    template <class T>
    T& get() {
        if (auto* held = find<T>()) return *held;
        auto made = std::make_shared<T>();
        slots_.emplace_back(typeid(T), made);
        return *made;
    }
    template <class T>
    T* find() {
        const auto at = std::ranges::find(slots_, std::type_index{typeid(T)}, &Slot::first);
        return at == slots_.end() ? nullptr : static_cast<T*>(at->second.get());
    }
    void clear() { slots_.clear(); }
    template <class T>
    void drop() {
        std::erase_if(slots_, [](const Slot& each) { return each.first == typeid(T); });
    }

  private:
    using Slot = std::pair<std::type_index, std::shared_ptr<void>>;
    std::vector<Slot> slots_;  // a handful
};

/// One connected (or resumable) resource.
/// Threading: its account's shard only.  Owned by its Account; never keep a pointer across a co_await: look it up
/// again.
class Session {
  public:
    virtual ~Session() = default;
    virtual const xmpp::Jid& jid() const = 0;  ///< full JID
    virtual Account& account() = 0;
    /// Queues the element on the stream (bounded; an overflow ends the session, its messages are not lost).
    virtual void send(const xml::Element& stanza) = 0;
    /// As send(), and the custody of the message goes with it.
    void deliver(const xmpp::Stanza& stanza) { deliver(stanza.element(), stanza.custody()); }
    virtual void deliver(const xml::Element& stanza, const xmpp::CustodyPtr& custody) = 0;
    /// The stream is lost and may be resumed (XEP-0198 §5): what is sent now waits.
    virtual bool hibernating() const { return false; }
    virtual std::string peer_address() const = 0;
    virtual bool encrypted() const = 0;
    /// Ends the stream with that stream error condition (RFC 6120 §4.9.3).
    virtual void close(std::string_view condition, std::string_view text) = 0;

    const std::optional<xmpp::Stanza>& presence() const { return presence_; }  ///< last available presence, as sent
    bool available() const { return presence_.has_value(); }
    int priority() const { return priority_; }       ///< -128..127, of the last presence
    bool interested() const { return interested_; }  ///< has asked for the roster: gets roster pushes
    void set_interested() { interested_ = true; }
    void set_presence(std::optional<xmpp::Stanza> presence, int priority) {
        presence_ = std::move(presence);
        priority_ = priority;
    }
    Slots& slots() { return slots_; }

  private:
    std::optional<xmpp::Stanza> presence_;
    int priority_ = 0;
    bool interested_ = false;
    Slots slots_;
};

/// A local bare JID with its sessions and roster.
/// Threading: its owner shard only, hash(bare JID).  Loaded (roster read) before any module sees it.
class Account {
  public:
    virtual ~Account() = default;
    virtual const xmpp::Jid& jid() const = 0;  ///< bare JID
    virtual bool exists() const = 0;           ///< whether such a user is registered
    virtual Session* session(std::string_view resource) = 0;
    virtual std::vector<Session*> sessions() = 0;  ///< in order of binding
    Roster& roster() { return roster_; }
    const Roster& roster() const { return roster_; }
    Slots& slots() { return slots_; }

  private:
    Roster roster_;
    Slots slots_;
};

}  // namespace carillon::session
