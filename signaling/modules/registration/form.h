/// Data forms, as far as registration and commands need them.
/// Spec: XEP-0004 2.13 §3.1 (types), §3.2 (fields); XEP-0068 (FORM_TYPE).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "signaling/xml/element.h"

namespace carillon::modules {

inline constexpr std::string_view kDataForms = "jabber:x:data";

/// A form with its FORM_TYPE; `type`: form, result.
xml::Element make_form(std::string_view type, std::string_view form_type, std::string_view title = {},
                       std::string_view instructions = {});
/// Adds a field; `label` and `value` may be empty. The reference holds until the form changes.
xml::Element& add_field(xml::Element& form, std::string_view type, std::string_view var, std::string_view label,
                        std::string_view value = {}, bool required = false);
/// The first value of a field of a submitted form.
std::optional<std::string> field_value(const xml::Element& form, std::string_view var);

}  // namespace carillon::modules
