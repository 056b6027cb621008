#include "signaling/modules/muc/form.h"

#include "signaling/modules/muc/names.h"

namespace carillon::modules::rooms {

xml::Element make_form(std::string_view type, std::string_view form_type, std::string_view title,
                       std::string_view instructions) {
    xml::Element form{"x", kForms};
    form.set("type", type);
    if (!title.empty()) form.add("title").add_text(title);
    if (!instructions.empty()) form.add("instructions").add_text(instructions);
    add_field(form, "hidden", "FORM_TYPE", {}, form_type);
    return form;
}

xml::Element& add_field(xml::Element& form, std::string_view type, std::string_view var, std::string_view label,
                        std::string_view value) {
    auto& field = form.add("field").set("type", type).set("var", var);
    if (!label.empty()) field.set("label", label);
    if (!value.empty()) field.add("value").add_text(value);
    return field;
}

xml::Element& add_boolean(xml::Element& form, std::string_view var, std::string_view label, bool value) {
    return add_field(form, "boolean", var, label, value ? "1" : "0");
}

xml::Element& add_choice(xml::Element& form, std::string_view type, std::string_view var, std::string_view label,
                         const std::vector<std::pair<std::string, std::string>>& options,
                         const std::vector<std::string>& values) {
    auto& field = add_field(form, type, var, label);
    for (const auto& value : values) field.add("value").add_text(value);
    for (const auto& [value, text] : options) field.add("option").set("label", text).add("value").add_text(value);
    return field;
}

std::optional<std::vector<std::string>> field_values(const xml::Element& form, std::string_view var) {
    for (const auto* field : form.children()) {
        if (!field->is("field", kForms) || field->attribute("var") != var) continue;
        std::vector<std::string> values;
        for (const auto* value : field->children()) {
            if (value->is("value", kForms)) values.push_back(value->text());
        }
        return values;
    }
    return std::nullopt;
}

std::optional<std::string> field_value(const xml::Element& form, std::string_view var) {
    auto values = field_values(form, var);
    if (!values) return std::nullopt;
    return values->empty() ? std::string{} : std::move(values->front());
}

std::optional<bool> read_boolean(std::string_view text) {
    if (text == "1" || text == "true") return true;
    if (text == "0" || text == "false") return false;
    return std::nullopt;
}

}  // namespace carillon::modules::rooms
