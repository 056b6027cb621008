/// Data forms, as far as rooms need them.
/// Spec: XEP-0004 2.13.2 §3, XEP-0068.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/xml/element.h"

namespace carillon::modules::rooms {

xml::Element make_form(std::string_view type, std::string_view form_type, std::string_view title = {},
                       std::string_view instructions = {});
xml::Element& add_field(xml::Element& form, std::string_view type, std::string_view var, std::string_view label,
                        std::string_view value = {});
xml::Element& add_boolean(xml::Element& form, std::string_view var, std::string_view label, bool value);
/// `options`: value and label.
xml::Element& add_choice(xml::Element& form, std::string_view type, std::string_view var, std::string_view label,
                         const std::vector<std::pair<std::string, std::string>>& options,
                         const std::vector<std::string>& values);
/// All values of a field, or nothing when the form has no such field.
std::optional<std::vector<std::string>> field_values(const xml::Element& form, std::string_view var);
std::optional<std::string> field_value(const xml::Element& form, std::string_view var);
/// XEP-0004 §3.3: 0, 1, false, true.
std::optional<bool> read_boolean(std::string_view text);

}  // namespace carillon::modules::rooms
