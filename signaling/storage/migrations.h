/// The numbered steps that bring a database to the schema this program knows.
/// Written in the SQL that SQLite and PostgreSQL share; a step, once released, never changes.
#pragma once
#include <span>
#include <string_view>

namespace carillon::storage {

struct Migration {
    int number;  ///< from 1, without gaps
    std::string_view summary;
    std::span<const std::string_view> statements;
};

std::span<const Migration> migrations();

}  // namespace carillon::storage
