#include "signaling/modules/muc/room_config.h"

#include <array>
#include <charconv>

#include "signaling/modules/muc/form.h"
#include "signaling/modules/muc/names.h"

namespace carillon::modules::rooms {
namespace {

using xmpp::Jid;
using xmpp::StanzaError;
using Fault = std::optional<StanzaError>;
using PrivateMessages = RoomConfig::PrivateMessages;

constexpr std::string_view kPrefix = "muc#roomconfig_";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxJids = 500;
constexpr std::size_t kMaxFields = 100;

struct Flag {
    std::string_view var;
    std::string_view label;
    bool RoomConfig::* target;
};
constexpr std::array<Flag, 11> kFlags{
    {{"persistentroom", "The room stays when the last one leaves", &RoomConfig::persistent},
     {"publicroom", "Everybody can find the room", &RoomConfig::is_public},
     {"moderatedroom", "Only those with voice may speak", &RoomConfig::moderated},
     {"membersonly", "Only members may enter", &RoomConfig::members_only},
     {"passwordprotectedroom", "A password is needed to enter", &RoomConfig::password_protected},
     {"allowinvites", "Occupants may invite others", &RoomConfig::allow_invites},
     {"changesubject", "Occupants may change the subject", &RoomConfig::change_subject},
     {"enablelogging", "Messages are kept in the archive", &RoomConfig::logging},
     {"getmemberlist", "Members may see who is a member", &RoomConfig::member_list},
     {"enablearchiving", "", &RoomConfig::logging},  // no label: another name, read but not shown
     {"mam", "", &RoomConfig::logging}}};
// As clients know it from another server, which shows it in disco#info.
constexpr std::string_view kMemberInvites = "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites";

struct Text {
    std::string_view var;
    std::string_view type;
    std::string_view label;
    std::string RoomConfig::* target;
    std::size_t limit;
};
constexpr std::array<Text, 5> kTexts{{{"roomname", "text-single", "Name", &RoomConfig::name, kMaxName},
                                      {"roomdesc", "text-single", "Description", &RoomConfig::description, kMaxText},
                                      {"lang", "text-single", "Language", &RoomConfig::language, 64},
                                      {"roomsecret", "text-private", "Password", &RoomConfig::secret, kMaxName},
                                      {"pubsub", "text-single", "Publish-subscribe node", &RoomConfig::pubsub, 3071}}};

constexpr std::array<std::pair<PrivateMessages, std::string_view>, 4> kPrivate{
    {{PrivateMessages::anyone, "anyone"},
     {PrivateMessages::participants, "participants"},
     {PrivateMessages::moderators, "moderators"},
     {PrivateMessages::none, "none"}}};

std::string var_of(std::string_view name) { return std::string{kPrefix} + std::string{name}; }

std::optional<std::size_t> read_number(std::string_view text) {
    std::size_t value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || at != text.data() + text.size()) return std::nullopt;
    return value;
}

StanzaError bad(std::string_view what) {
    return StanzaError::not_acceptable().with_text("wrong value of " + std::string{what});
}

Fault read_flags(const xml::Element& form, RoomConfig& config) {
    for (const auto& flag : kFlags) {
        const auto value = field_value(form, var_of(flag.var));
        if (!value) continue;
        const auto read = read_boolean(*value);
        if (!read) return bad(flag.var);
        config.*flag.target = *read;
    }
    if (const auto value = field_value(form, kMemberInvites)) {
        const auto read = read_boolean(*value);
        if (!read) return bad("allowmemberinvites");
        config.allow_invites = *read;
    }
    return std::nullopt;
}

Fault read_texts(const xml::Element& form, RoomConfig& config) {
    for (const auto& text : kTexts) {
        auto value = field_value(form, var_of(text.var));
        if (!value) continue;
        if (value->size() > text.limit) return bad(text.var);
        config.*text.target = std::move(*value);
    }
    return std::nullopt;
}

Fault read_choices(const xml::Element& form, RoomConfig& config) {
    if (const auto whois = field_value(form, var_of("whois"))) {
        if (*whois != "anyone" && *whois != "moderators") return bad("whois");
        config.nonanonymous = *whois == "anyone";
    }
    if (const auto allow = field_value(form, var_of("allowpm"))) {
        // §15.5.3 has these four; some clients send the role in the singular.
        const auto wanted = *allow == "moderator" || *allow == "participant" ? *allow + 's' : *allow;
        const auto* at =
            std::ranges::find(kPrivate, std::string_view{wanted}, [](const auto& entry) { return entry.second; });
        if (at != kPrivate.end()) {
            config.private_messages = at->first;
        } else {
            return bad("allowpm");
        }
    }
    if (const auto roles = field_values(form, var_of("presencebroadcast"))) {
        config.broadcast.clear();
        for (const auto& name : *roles) {
            const auto role = role_named(name);
            if (!role || *role == Role::none) return bad("presencebroadcast");
            config.broadcast.insert(*role);
        }
    }
    // §15.5.3: the roles and affiliations that may have the list of members; there is one choice here.
    if (const auto roles = field_values(form, var_of("getmemberlist")); roles && !roles->empty()) {
        if (!read_boolean(roles->front()))
            config.member_list = std::ranges::find(*roles, std::string{"participant"}) != roles->end();
    }
    return std::nullopt;
}

Fault read_numbers(const xml::Element& form, RoomConfig& config, const ConfigLimits& limits) {
    if (const auto users = field_value(form, var_of("maxusers"))) {
        const auto number = *users == "none" || users->empty() ? std::optional<std::size_t>{0} : read_number(*users);
        if (!number) return bad("maxusers");
        config.max_users = *number >= limits.max_users ? 0 : *number;
    }
    for (const auto& var : {std::string{"muc#maxhistoryfetch"}, var_of("historylength")}) {
        const auto length = field_value(form, var);
        if (!length || length->empty()) continue;
        const auto number = read_number(*length);
        if (!number) return bad(var);
        config.history = std::min(*number, limits.history);
    }
    return std::nullopt;
}

std::expected<std::optional<std::set<Jid>>, StanzaError> read_jids(const xml::Element& form, std::string_view var) {
    const auto values = field_values(form, var_of(var));
    if (!values) return std::nullopt;
    if (values->size() > kMaxJids) return std::unexpected{bad(var)};
    std::set<Jid> jids;
    for (const auto& value : *values) {
        if (value.empty()) continue;
        auto jid = Jid::parse(value);
        if (!jid) return std::unexpected{StanzaError::jid_malformed().with_text("wrong value of " + std::string{var})};
        jids.insert(jid->bare());
    }
    return jids;
}

/// getmemberlist is a list where it is one, and a flag where a client makes it one.
void forget_lists(xml::Element& form) {
    form.remove_children_if([](const xml::Element& field) {
        return field.attribute("var") == var_of("getmemberlist") && !read_boolean(field.child_text("value", kForms));
    });
}

}  // namespace

xml::Element to_form(const RoomConfig& config, const ConfigLimits& limits, std::string_view type) {
    auto form = make_form(type, kRoomConfig, type == "form" ? "Configuration of the room" : "");
    for (const auto& text : kTexts) add_field(form, text.type, var_of(text.var), text.label, config.*text.target);
    for (const auto& flag : kFlags) {
        if (!flag.label.empty() && flag.var != "getmemberlist")
            add_boolean(form, var_of(flag.var), flag.label, config.*flag.target);
    }
    add_choice(form, "list-single", var_of("whois"), "Who may see real addresses",
               {{"moderators", "Moderators only"}, {"anyone", "Anyone"}},
               {config.nonanonymous ? "anyone" : "moderators"});
    std::vector<std::pair<std::string, std::string>> options;
    for (const auto& [value, name] : kPrivate) options.emplace_back(name, name);
    add_choice(form, "list-single", var_of("allowpm"), "Who may send private messages", options,
               {std::string{kPrivate[static_cast<std::size_t>(config.private_messages)].second}});
    std::vector<std::string> shown;
    for (const auto role : config.broadcast) shown.emplace_back(name_of(role));
    add_choice(form, "list-multi", var_of("presencebroadcast"), "Roles whose presence is shown",
               {{"moderator", "Moderators"}, {"participant", "Participants"}, {"visitor", "Visitors"}}, shown);
    std::vector<std::string> listers{"moderator"};
    if (config.member_list) listers.emplace_back("participant");
    add_choice(form, "list-multi", var_of("getmemberlist"), "Who may have the list of members",
               {{"moderator", "Moderators"}, {"participant", "Participants"}}, listers);
    const auto users = config.max_users == 0 ? limits.max_users : config.max_users;
    std::vector<std::pair<std::string, std::string>> numbers;
    for (const std::size_t number : {10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000}) {
        if (number < limits.max_users) numbers.emplace_back(std::to_string(number), std::to_string(number));
    }
    numbers.emplace_back(std::to_string(limits.max_users), std::to_string(limits.max_users));
    if (std::ranges::none_of(numbers, [&](const auto& option) { return option.first == std::to_string(users); }))
        numbers.emplace_back(std::to_string(users), std::to_string(users));
    add_choice(form, "list-single", var_of("maxusers"), "Occupants at most", numbers, {std::to_string(users)});
    add_field(form, "text-single", "muc#maxhistoryfetch", "Messages of history for those who enter",
              std::to_string(config.history));
    auto& contacts = add_field(form, "jid-multi", "muc#roominfo_contactjid", "Whom to ask about the room");
    for (const auto& contact : config.contacts) contacts.add("value").add_text(contact);
    return form;
}

std::expected<Submitted, StanzaError> read_form(const xml::Element& form, const RoomConfig& before,
                                                const ConfigLimits& limits) {
    if (form.children().size() > kMaxFields) return std::unexpected{StanzaError::not_acceptable()};
    const auto type = field_value(form, "FORM_TYPE");
    if (type && *type != kRoomConfig) return std::unexpected{StanzaError::bad_request()};
    Submitted submitted{before, {}, {}};
    auto& config = submitted.config;
    auto flags = form;
    forget_lists(flags);
    for (auto fault : {read_flags(flags, config), read_texts(form, config), read_choices(form, config),
                       read_numbers(form, config, limits)}) {
        if (fault) return std::unexpected{std::move(*fault)};
    }
    if (config.password_protected && config.secret.empty())  // §10.1.3
        return std::unexpected{StanzaError::not_acceptable().with_text("a password is wanted, and there is none")};
    if (const auto contacts = field_values(form, "muc#roominfo_contactjid")) {
        if (contacts->size() > 20) return std::unexpected{bad("contactjid")};
        config.contacts.clear();
        for (const auto& contact : *contacts) {
            const auto jid = Jid::parse(contact);
            if (!jid) return std::unexpected{StanzaError::jid_malformed()};
            config.contacts.push_back(jid->bare().str());
        }
    }
    auto owners = read_jids(form, "roomowners");
    if (!owners) return std::unexpected{owners.error()};
    auto admins = read_jids(form, "roomadmins");
    if (!admins) return std::unexpected{admins.error()};
    submitted.owners = std::move(*owners);
    submitted.admins = std::move(*admins);
    return submitted;
}

}  // namespace carillon::modules::rooms
