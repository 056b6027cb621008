#include "signaling/modules/registration/form.h"

namespace carillon::modules {

xml::Element make_form(std::string_view type, std::string_view form_type, std::string_view title,
                       std::string_view instructions) {
    xml::Element form{"x", kDataForms};
    form.set("type", type);
    if (!title.empty()) form.add("title").add_text(title);
    if (!instructions.empty()) form.add("instructions").add_text(instructions);
    add_field(form, "hidden", "FORM_TYPE", {}, form_type);
    return form;
}

xml::Element& add_field(xml::Element& form, std::string_view type, std::string_view var, std::string_view label,
                        std::string_view value, bool required) {
    auto& field = form.add("field").set("type", type).set("var", var);
    if (!label.empty()) field.set("label", label);
    if (required) field.add("required");
    if (!value.empty()) field.add("value").add_text(value);
    return field;
}

std::optional<std::string> field_value(const xml::Element& form, std::string_view var) {
    for (const auto* field : form.children()) {
        if (!field->is("field", kDataForms) || field->attribute("var") != var) continue;
        return field->child_text("value", kDataForms);
    }
    return std::nullopt;
}

}  // namespace carillon::modules
