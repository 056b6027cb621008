/// What an inactive client need not be woken for: held back, merged, and sent before the next thing that matters.
/// Spec: XEP-0352 §5 (client state indication).
/// Not here: <active/> and <inactive/> on the wire (connection_management.cpp).
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::stream {

/// What a stanza is to somebody who does not look at the screen.
enum class Urgency : std::uint8_t {
    now,          ///< calls, messages, mentions, answers, requests
    later,        ///< in order, when something urgent comes
    latest_only,  ///< as later, and only the newest of its kind from one sender matters: presence, chat states
};

/// `nick`: what the user is called in the room that a groupchat message comes from; empty if unknown.
Urgency urgency_of(const xml::Element& stanza, std::string_view user, std::string_view nick);

/// Threading: its session's shard.  Bounded: when full, what was held is due.
class ClientState {
  public:
    static constexpr std::size_t kMaxHeld = 500;
    static constexpr std::size_t kMaxRooms = 500;

    bool active() const { return active_; }
    void set_active(bool active) { active_ = active; }

    /// True: the stanza is kept here. False: release() first, then send it.
    bool hold(const xml::Element& stanza, std::string_view user);
    bool holds_any() const { return !held_.empty(); }
    std::list<xml::Element> release();

    /// A presence that the client sends to a room tells its nick there (XEP-0045 §7.2).
    void note_presence(const xml::Element& presence);

  private:
    bool active_ = true;
    std::list<xml::Element> held_;
    std::map<std::string, std::list<xml::Element>::iterator, std::less<>> newest_;  // by kind and sender
    std::map<std::string, std::string, std::less<>> nicks_;                         // by room
};

}  // namespace carillon::stream
