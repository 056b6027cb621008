/// The commands by which hats are made, given and taken away.
/// Spec: XEP-0317 0.3.1 §3.2 to §3.7; XEP-0050 1.3.0 §2.
/// Each command is done with its form in one step: no session is kept.
#include <algorithm>
#include <array>

#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/names.h"
#include "signaling/modules/muc/room.h"

namespace carillon::modules::rooms {

namespace {

constexpr std::string_view kNode = "urn:xmpp:hats:commands:";
constexpr std::string_view kFormType = "urn:xmpp:hats:commands";

struct Named {
    std::string_view name;
    std::string_view title;
    Affiliation least;  ///< who may
};
constexpr std::array<Named, 6> kCommands{{{"create", "Create or change a hat", Affiliation::admin},
                                          {"destroy", "Destroy a hat", Affiliation::admin},
                                          {"list", "List the hats", Affiliation::none},
                                          {"assign", "Give somebody a hat", Affiliation::admin},
                                          {"unassign", "Take a hat from somebody", Affiliation::admin},
                                          {"list-assigned", "List who wears which hat", Affiliation::admin}}};

const Named* command_of(std::string_view node) {
    if (!node.starts_with(kNode)) return nullptr;
    const auto at = std::ranges::find(kCommands, node.substr(kNode.size()), &Named::name);
    return at == kCommands.end() ? nullptr : at;
}

xml::Element reply_to(const xml::Element& command, std::string_view status) {
    xml::Element reply{"command", kCommandsNs};
    const auto session = command.attribute("sessionid");
    reply.set("node", command.attribute("node"))
        .set("status", status)
        .set("sessionid", session.empty() ? "1" : session);
    return reply;
}

void require(xml::Element& field) { field.add("required"); }

void add_hats(xml::Element& form, const Hats& hats) {
    std::vector<std::pair<std::string, std::string>> options;
    for (const auto& hat : hats.all()) options.emplace_back(hat.uri, hat.title);
    require(add_choice(form, "list-single", "hats#uri", "The hat", options, {}));
}

xml::Element form_of(const Named& command, const Hats& hats) {
    auto form = make_form("form", kFormType, command.title);
    if (command.name == "create") {
        require(add_field(form, "text-single", "hats#title", "Hat Title"));
        require(add_field(form, "text-single", "hats#uri", "Hat URI"));
        add_field(form, "text-single", "hats#hue", "Hat Hue");
        return form;
    }
    if (command.name != "destroy") require(add_field(form, "jid-single", "hats#jid", "User Address"));
    add_hats(form, hats);
    return form;
}

void add_row(xml::Element& form, const Hat& hat, const Jid* jid) {
    auto& row = form.add("item");
    const auto add = [&](std::string_view var, std::string_view value) {
        row.add("field").set("var", var).add("value").add_text(value);
    };
    if (jid) add("hats#jid", jid->str());
    add("hats#title", hat.title);
    add("hats#uri", hat.uri);
    add("hats#hue", hat.hue);
}

xml::Element list_of(const Named& command, const Hats& hats) {
    auto form = make_form("result", kFormType, command.title);
    const bool assigned = command.name == "list-assigned";
    auto& reported = form.add("reported");
    if (assigned) reported.add("field").set("var", "hats#jid");
    for (const auto* var : {"hats#title", "hats#uri", "hats#hue"}) reported.add("field").set("var", var);
    if (!assigned) {
        for (const auto& hat : hats.all()) add_row(form, hat, nullptr);
        return form;
    }
    for (const auto& [jid, uris] : hats.assigned()) {
        for (const auto& uri : uris) {
            if (const auto* hat = hats.find(uri)) add_row(form, *hat, &jid);
        }
    }
    return form;
}

}  // namespace

bool Room::may_command(const Jid& full, std::string_view node) {
    const auto* command = command_of(node);
    const auto me = standing(full);
    if (!command || me.affiliation == Affiliation::outcast) return false;
    if (command->least == Affiliation::none) return me.role != Role::none || me.affiliation >= Affiliation::member;
    return me.affiliation >= command->least;
}

/// The commands that the asker may run (XEP-0050 §3.1).
xml::Element Room::list_commands(const Jid& asker) {
    xml::Element query{"query", kDiscoItems};
    query.set("node", kCommandsNs);
    for (const auto& command : kCommands) {
        const auto node = std::string{kNode} + std::string{command.name};
        if (may_command(asker, node))
            query.add("item").set("jid", jid_.str()).set("node", node).set("name", command.title);
    }
    return query;
}

IqReply Room::command(const Stanza& iq) {
    const auto& asked = *iq.payload();
    const auto node = asked.attribute("node");
    const auto* command = command_of(node);
    if (!command) return std::unexpected{StanzaError::item_not_found()};
    if (!may_command(iq.from(), node)) return std::unexpected{StanzaError::forbidden()};
    if (asked.attribute("action") == "cancel") return reply_to(asked, "canceled");
    if (command->name.starts_with("list")) {
        auto reply = reply_to(asked, "completed");
        reply.append(list_of(*command, hats_));
        return reply;
    }
    const auto* form = asked.child("x", kForms);
    if (!form || form->attribute("type") != "submit") {
        auto reply = reply_to(asked, "executing");
        reply.add("actions").set("execute", "complete").add("complete");
        reply.append(form_of(*command, hats_));
        return reply;
    }
    if (auto refused = change_hats(command->name, *form)) return std::unexpected{std::move(*refused)};
    return reply_to(asked, "completed");
}

std::optional<StanzaError> Room::change_hats(std::string_view command, const xml::Element& form) {
    const auto uri = field_value(form, "hats#uri").value_or(field_value(form, "hat").value_or(""));
    if (command == "create") {
        auto hat =
            make_hat(uri, field_value(form, "hats#title").value_or(""), field_value(form, "hats#hue").value_or(""));
        if (!hat) return StanzaError::not_acceptable().with_text("not a hat: it has a title, a URI and maybe a hue");
        if (!hats_.put(std::move(*hat))) return StanzaError::resource_constraint();
        return hats_changed(hats_.wearers_of(uri), true);
    }
    if (!hats_.find(uri)) return StanzaError::item_not_found();
    if (command == "destroy") {
        const auto wore = hats_.wearers_of(uri);
        hats_.destroy(uri);
        return hats_changed(wore, true);
    }
    const auto jid = Jid::parse(field_value(form, "hats#jid").value_or(""));
    if (!jid || jid->node().empty()) return StanzaError::jid_malformed();
    if (command == "assign") {
        if (!hats_.assign(jid->bare(), uri)) return StanzaError::resource_constraint();
    } else if (!hats_.unassign(jid->bare(), uri)) {
        return StanzaError::item_not_found();
    }
    return hats_changed({jid->bare()}, false);
}

/// §3.2, §3.3, §3.6: those who are here see it.
std::optional<StanzaError> Room::hats_changed(const std::vector<Jid>& wearers, bool list) {
    save();
    for (auto& [nick, who] : occupants_) {
        if (std::ranges::find(wearers, who->real) != wearers.end()) show(*who);
    }
    const int codes[] = {104};
    if (list) tell_status(codes);
    return std::nullopt;
}

}  // namespace carillon::modules::rooms
