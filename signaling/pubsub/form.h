/// Data forms as publish-subscribe uses them: read what was submitted, write what is asked or told.
/// Spec: XEP-0004 2.13.2, XEP-0068 1.3.0.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/xml/element.h"

namespace carillon::pubsub {

/// What somebody filled in, FORM_TYPE among the fields.
struct Form {
    bool cancelled = false;
    std::map<std::string, std::vector<std::string>, std::less<>> fields;

    const std::vector<std::string>* find(std::string_view name) const;
    std::string first(std::string_view name) const;  ///< empty when there is none
    bool is_of(std::string_view form_type) const { return first("FORM_TYPE") == form_type; }
};

inline constexpr std::size_t kMaxFields = 200;
inline constexpr std::size_t kMaxValues = 500;  ///< of all fields

/// Nothing: it is no form, or beyond the bounds above.
std::optional<Form> read_form(const xml::Element& x);
/// true, 1, false, 0.
std::optional<bool> read_boolean(std::string_view text);

/// Threading: a value.
class FormWriter {
  public:
    using Options = std::vector<std::string_view>;
    FormWriter(std::string_view type, std::string_view form_type);
    FormWriter& text(std::string_view name, std::string_view label, std::string_view value);
    FormWriter& boolean(std::string_view name, std::string_view label, bool value);
    FormWriter& list(std::string_view name, std::string_view label, std::string_view value, const Options& options);
    FormWriter& many(std::string_view name, std::string_view label, std::string_view type,
                     const std::vector<std::string>& values);
    FormWriter& title(std::string_view text);
    xml::Element take() { return std::move(x_); }

  private:
    xml::Element& field(std::string_view name, std::string_view label, std::string_view type);
    bool asks_;
    xml::Element x_;
};

}  // namespace carillon::pubsub
