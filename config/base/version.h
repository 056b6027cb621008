/// The version of these programs.
#pragma once
#include <string_view>

namespace carillon {

inline constexpr std::string_view kProgramVersion = "0.1.0";

}  // namespace carillon
