/// From a configuration file to Settings, or to the list of everything that is wrong with it.
/// Not here: the keys (settings_schema.cpp), command lines (main.cpp).
#pragma once
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

#include "config/problem.h"
#include "config/settings.h"

namespace carillon::config {

/// What a server without configuration does: one domain; loopback alone if that is localhost, else every address.
Settings defaults(std::string_view domain = "localhost");

std::expected<Settings, Problems> load_text(std::string_view text);
/// Files over 4 MiB are refused. Relative paths inside are relative to the working directory.
std::expected<Settings, Problems> load_file(const std::filesystem::path& path);

/// config/carillon.reference.toml: every key at its default, with bounds and help.
std::string reference_text();

}  // namespace carillon::config
