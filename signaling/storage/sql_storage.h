/// Opens the relational storage.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>

#include "signaling/storage/storage.h"

namespace carillon::storage {

struct StorageOptions {
    std::size_t connections = 2;  ///< threads of the blocking pool, each with a session of its own; the writer aside
    std::size_t queue = 20'000;   ///< calls that may wait; more are refused
};

/// An SQLite database at `path`, made when missing, brought to the present schema. Throws StorageError with the remedy.
std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path, StorageOptions options = {});
/// That of a PostgreSQL server when `database` is a URI ("postgresql://..."), else the SQLite file of that name.
std::unique_ptr<Storage> open_database(const std::string& database, StorageOptions options = {});

}  // namespace carillon::storage
