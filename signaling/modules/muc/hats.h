/// The hats of a room, and who wears which.
/// Spec: XEP-0317 0.3.1 §3.
/// Not here: the commands by which they are made and given (room_hats.cpp).
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/xml/element.h"
#include "signaling/xmpp/jid.h"

namespace carillon::modules::rooms {

struct Hat {
    std::string uri;  ///< by which it is known
    std::string title;
    std::string hue;  ///< degrees, 0 to 360; may be empty
};

/// Threading: its room's shard.  Bounded.
class Hats {
  public:
    static constexpr std::size_t kMost = 100;
    static constexpr std::size_t kWearers = 1000;
    static constexpr std::size_t kOfOne = 20;

    const std::vector<Hat>& all() const { return hats_; }
    const std::map<xmpp::Jid, std::set<std::string>>& assigned() const { return assigned_; }
    std::size_t wearers() const { return assigned_.size(); }
    const Hat* find(std::string_view uri) const;
    bool wears(const xmpp::Jid& bare, std::string_view uri) const;
    std::vector<xmpp::Jid> wearers_of(std::string_view uri) const;

    /// Makes it, or changes the one of that URI. False: there are too many.
    bool put(Hat hat);
    /// Nobody wears it any longer. False: there is none.
    bool destroy(std::string_view uri);
    /// False: there is no such hat, or there are too many.
    bool assign(const xmpp::Jid& bare, std::string_view uri);
    bool unassign(const xmpp::Jid& bare, std::string_view uri);

    /// What the others see of it.
    void add_to(xml::Element& presence, const xmpp::Jid& bare) const;
    /// Changes with the list of hats.
    std::string hash() const;

    xml::Element to_element(std::string_view ns) const;
    static Hats read(const xml::Element& element);

  private:
    std::vector<Hat> hats_;
    std::map<xmpp::Jid, std::set<std::string>> assigned_;  // by bare JID: URIs
};

/// Nothing: what was asked for is no hat.
std::optional<Hat> make_hat(std::string uri, std::string title, std::string hue);

}  // namespace carillon::modules::rooms
