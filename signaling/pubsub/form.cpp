#include "signaling/pubsub/form.h"

#include "signaling/pubsub/names.h"

namespace carillon::pubsub {

const std::vector<std::string>* Form::find(std::string_view name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? nullptr : &at->second;
}

std::string Form::first(std::string_view name) const {
    const auto* values = find(name);
    return values && !values->empty() ? values->front() : std::string{};
}

std::optional<Form> read_form(const xml::Element& x) {
    if (!x.is("x", kForm)) return std::nullopt;
    Form form{.cancelled = x.attribute("type") == "cancel", .fields = {}};
    std::size_t values = 0;
    for (const auto* field : x.children()) {
        if (!field->is("field", kForm) || field->attribute("var").empty()) continue;
        auto& held = form.fields[std::string{field->attribute("var")}];
        for (const auto* value : field->children()) {
            if (!value->is("value", kForm)) continue;
            if (++values > kMaxValues) return std::nullopt;
            held.push_back(value->text());
        }
        if (form.fields.size() > kMaxFields) return std::nullopt;
    }
    return form;
}

std::optional<bool> read_boolean(std::string_view text) {
    if (text == "1" || text == "true") return true;
    if (text == "0" || text == "false") return false;
    return std::nullopt;
}

FormWriter::FormWriter(std::string_view type, std::string_view form_type) : asks_{type == "form"}, x_{"x", kForm} {
    x_.set("type", type);
    x_.add("field").set("var", "FORM_TYPE").set("type", "hidden").add("value").add_text(form_type);
}

xml::Element& FormWriter::field(std::string_view name, std::string_view label, std::string_view type) {
    auto& made = x_.add("field").set("var", name);
    if (type != "text-single" || asks_) made.set("type", type);
    if (!label.empty()) made.set("label", label);
    return made;
}

FormWriter& FormWriter::title(std::string_view text) {
    x_.add("title").add_text(text);
    return *this;
}

FormWriter& FormWriter::text(std::string_view name, std::string_view label, std::string_view value) {
    field(name, label, "text-single").add("value").add_text(value);
    return *this;
}

FormWriter& FormWriter::boolean(std::string_view name, std::string_view label, bool value) {
    field(name, label, "boolean").add("value").add_text(value ? "1" : "0");
    return *this;
}

FormWriter& FormWriter::list(std::string_view name, std::string_view label, std::string_view value,
                             const Options& options) {
    auto& made = field(name, label, "list-single");
    if (asks_) {
        for (const auto option : options) made.add("option").add("value").add_text(option);
    }
    made.add("value").add_text(value);
    return *this;
}

FormWriter& FormWriter::many(std::string_view name, std::string_view label, std::string_view type,
                             const std::vector<std::string>& values) {
    auto& made = field(name, label, type);
    for (const auto& value : values) made.add("value").add_text(value);
    return *this;
}

}  // namespace carillon::pubsub
