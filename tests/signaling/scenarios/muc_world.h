/// What the scenarios of rooms have in common.
#pragma once
#include "signaling/modules/modules.h"
#include "tests/signaling/scenarios/scenario.h"

namespace carillon::scenarios {

inline std::unique_ptr<World> make_muc_world(WorldOptions options = {}) {
    options.modules = modules::builtin();
    return std::make_unique<World>(std::move(options));
}

/// One who enters room@conference.localhost and reads all that he gets until its subject.
class Occupant {
  public:
    Occupant(World& world, const std::string& user, const std::string& resource, std::string nickname,
             const std::string& x = {}, const std::string& name = "room")
        : room{name + "@conference.localhost"}, nick{std::move(nickname)}, client{world.log_in(user, resource)} {
        enter(x);
    }
    void enter(const std::string& x = {}) {
        client->send("<presence to='" + room + "/" + nick + "'><x xmlns='http://jabber.org/protocol/muc'>" + x +
                     "</x></presence>");
        entry.clear();
        while (true) {
            entry.push_back(client->expect_element());
            const auto& got = entry.back();
            if (got.attribute("type") == "error") return;
            if (got.name() == "message" && got.child("subject") && !got.child("body")) return;
        }
    }
    /// The iq's answer; what comes before it is dropped.
    xml::Element ask(const std::string& type, const std::string& payload, const std::string& to = {}) {
        client->send("<iq type='" + type + "' id='ask' to='" + (to.empty() ? room : to) + "'>" + payload + "</iq>");
        return until([](const auto& got) { return got.name() == "iq" && got.attribute("id") == "ask"; });
    }
    template <class Predicate>
    xml::Element until(Predicate matches) {
        for (;;) {
            auto got = client->expect_element();
            if (matches(got)) return got;
        }
    }
    /// The next message with that body.
    xml::Element hears(const std::string& body) {
        return until([&](const auto& got) { return got.name() == "message" && got.child_text("body") == body; });
    }
    /// The next presence of that nick.
    xml::Element sees(const std::string& who) {
        return until(
            [&](const auto& got) { return got.name() == "presence" && got.attribute("from") == room + '/' + who; });
    }
    void says(const std::string& body) {
        client->send("<message type='groupchat' id='m-" + body + "' to='" + room + "'><body>" + body +
                     "</body></message>");
    }
    /// Submits a configuration; empty: an instant room.
    std::string configure(const std::vector<std::pair<std::string, std::string>>& fields = {}) {
        std::string form = "<x xmlns='jabber:x:data' type='submit'>";
        if (!fields.empty())
            form += "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>";
        for (const auto& [var, value] : fields)
            form += "<field var='muc#roomconfig_" + var + "'><value>" + value + "</value></field>";
        const auto answer = ask("set", "<query xmlns='http://jabber.org/protocol/muc#owner'>" + form + "</x></query>");
        return std::string{answer.attribute("type")};
    }
    xml::Element admin(const std::string& item) {
        return ask("set", "<query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query>");
    }

    const std::string room;
    const std::string nick;
    std::unique_ptr<Client> client;
    std::vector<xml::Element> entry;
};

inline const xml::Element* muc_x(const xml::Element& stanza) {
    return stanza.child("x", "http://jabber.org/protocol/muc#user");
}
inline bool has_status(const xml::Element& stanza, std::string_view code) {
    const auto* x = muc_x(stanza);
    if (!x) return false;
    for (const auto* child : x->children()) {
        if (child->name() == "status" && child->attribute("code") == code) return true;
    }
    return false;
}
inline std::string item(const xml::Element& stanza, std::string_view attribute) {
    const auto* x = muc_x(stanza);
    const auto* found = x ? x->child("item") : nullptr;
    return found ? std::string{found->attribute(attribute)} : std::string{};
}
/// Of an error stanza.
inline std::string condition(const xml::Element& stanza) {
    const auto* error = stanza.child("error");
    return error && error->first_child() ? error->first_child()->name() : std::string{};
}

}  // namespace carillon::scenarios
