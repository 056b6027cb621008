/// What the commands of administration have in common: the form that asks, and what came back.
/// Spec: XEP-0133 1.3.1 §3, §4; XEP-0050 1.3.0; XEP-0004.
#pragma once
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "signaling/pubsub/form.h"
#include "signaling/runtime/module.h"

namespace carillon::modules::administrative {

inline constexpr std::string_view kAdmin = "http://jabber.org/protocol/admin";

struct Field {
    std::string_view name;
    std::string_view label;
    std::string_view type;  ///< of XEP-0004
    bool required = true;
    std::vector<std::string_view> options{};  ///< of a list-single; the first one is proposed
};

using Form = pubsub::Form;
using Outcome = std::expected<runtime::CommandStep, xmpp::StanzaError>;
using Run = std::function<runtime::awaitable<Outcome>(xmpp::Jid admin, Form form)>;

/// One command: asks with `fields` (none: at once), then runs.
struct Command {
    std::string_view node;  ///< behind kAdmin and '#'
    std::string_view name;
    std::string_view instructions;
    std::vector<Field> fields;
    Run run;
    /// What a field holds already, if anything.
    std::function<std::vector<std::string>(std::string_view field)> present{};
};

runtime::AdHocCommand make(Command command, std::function<bool(const xmpp::Jid&)> allowed);

/// "Done", or whatever else is to be said.
runtime::CommandStep note(std::string text);
/// Text of several lines, as a text-multi field has it, and back.
std::string lines_of(const Form& form, std::string_view name);
std::vector<std::string> lines(std::string_view text);
/// A form of one field with its values.
runtime::CommandStep told(std::string_view name, std::string_view label, std::string_view type,
                          const std::vector<std::string>& values);

}  // namespace carillon::modules::administrative
