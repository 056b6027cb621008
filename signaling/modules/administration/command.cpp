#include "signaling/modules/administration/command.h"

namespace carillon::modules::administrative {

using namespace runtime;
using xmpp::StanzaError;

namespace {

xml::Element question(const Command& command) {
    pubsub::FormWriter writer{"form", kAdmin};
    writer.title(command.name);
    for (const auto& field : command.fields) {
        if (!field.options.empty()) {
            writer.list(field.name, field.label, field.options.front(), field.options);
        } else {
            const auto present = command.present ? command.present(field.name) : std::vector<std::string>{};
            writer.many(field.name, field.label, field.type, present);
        }
    }
    auto x = writer.take();
    xml::Element instructions{"instructions", "jabber:x:data"};
    instructions.add_text(command.instructions);
    x.nodes().insert(x.nodes().begin(), std::move(instructions));
    for (auto* each : x.children()) {
        for (const auto& field : command.fields) {
            if (each->attribute("var") == field.name && field.required) each->add("required");
        }
    }
    return x;
}

/// What is missing, for people; empty: nothing.
std::string missing(const Command& command, const Form& form) {
    for (const auto& field : command.fields) {
        if (field.required && form.first(field.name).empty()) return std::string{field.label} + " is missing.";
    }
    return {};
}

awaitable<CommandReply> step(std::shared_ptr<const Command> command, CommandCall call) {
    if (!command->fields.empty() && !call.form) {
        CommandStep ask;
        ask.completed = false;
        ask.form = question(*command);
        ask.actions = {"complete"};
        co_return CommandReply{std::move(ask)};
    }
    auto form = call.form ? pubsub::read_form(*call.form) : Form{};
    if (!form || (!command->fields.empty() && !form->fields.empty() && form->fields.contains("FORM_TYPE") &&
                  !form->is_of(kAdmin)))
        co_return CommandReply{std::unexpect, StanzaError::bad_request()};
    if (auto what = missing(*command, *form); !what.empty())
        co_return CommandReply{std::unexpect, StanzaError::not_acceptable().with_text(what)};
    co_return co_await command->run(call.from, std::move(*form));
}

}  // namespace

AdHocCommand make(Command command, std::function<bool(const xmpp::Jid&)> allowed) {
    auto held = std::make_shared<const Command>(std::move(command));
    return {std::string{kAdmin} + '#' + std::string{held->node}, std::string{held->name}, std::move(allowed),
            [held](CommandCall call) { return step(held, std::move(call)); }};
}

std::string lines_of(const Form& form, std::string_view name) {
    std::string text;
    const auto* all = form.find(name);
    for (const auto& line : all ? *all : std::vector<std::string>{}) text += (text.empty() ? "" : "\n") + line;
    return text;
}

std::vector<std::string> lines(std::string_view text) {
    std::vector<std::string> found;
    while (!text.empty()) {
        const auto end = text.find('\n');
        found.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return found;
}

CommandStep note(std::string text) {
    CommandStep done;
    done.note = std::move(text);
    return done;
}

CommandStep told(std::string_view name, std::string_view label, std::string_view type,
                 const std::vector<std::string>& values) {
    CommandStep done;
    pubsub::FormWriter writer{"result", kAdmin};
    writer.many(name, label, type, values);
    done.form = writer.take();
    return done;
}

}  // namespace carillon::modules::administrative
