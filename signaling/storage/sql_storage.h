/// Opens the relational storage.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>

#include "signaling/storage/storage.h"

namespace carillon::storage {

/// An SQLite database at `path`, made when missing, brought to the present schema. Throws StorageError with the remedy.
/// `connections`: threads of the blocking pool, each with a session of its own.
std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path, std::size_t connections = 2);

}  // namespace carillon::storage
