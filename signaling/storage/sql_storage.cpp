#include "signaling/storage/sql_storage.h"

#include <soci/sqlite3/soci-sqlite3.h>

#include "signaling/storage/postgresql.h"
#include "signaling/storage/service_stores.h"
#include "signaling/storage/stores.h"

namespace carillon::storage {
namespace {

class SqlStorage final : public Storage,
                         public HasPubsub,
                         public HasUploads,
                         public HasHostData,
                         public HasDirectory,
                         public HasCallQuality {
  public:
    SqlStorage(const soci::backend_factory& backend, const std::string& parameters, StorageOptions options)
        : database_{backend, parameters, options} {}
    UserStore& users() override { return users_; }
    RosterStore& rosters() override { return rosters_; }
    OfflineStore& offline() override { return offline_; }
    UserDataStore& user_data() override { return user_data_; }
    InviteStore& invites() override { return invites_; }
    CallStore& calls() override { return calls_; }
    ArchiveStore& archive() override { return archive_; }
    PubsubStore& pubsub() override { return pubsub_; }
    PushStore& pushes() override { return pushes_; }
    TokenStore& tokens() override { return tokens_; }
    RoomStore& rooms() override { return rooms_; }
    UploadStore& uploads() override { return uploads_; }
    HostDataStore& host_data() override { return host_data_; }
    CallQualityStore& call_quality() override { return call_quality_; }
    DirectoryStore& directory() override { return directory_; }

  private:
    Database database_;
    SqlUserStore users_{database_};
    SqlRosterStore rosters_{database_};
    SqlOfflineStore offline_{database_};
    SqlUserDataStore user_data_{database_};
    SqlInviteStore invites_{database_};
    SqlCallStore calls_{database_};
    SqlArchiveStore archive_{database_};
    SqlPushStore pushes_{database_};
    SqlTokenStore tokens_{database_};
    SqlRoomStore rooms_{database_};
    SqlPubsubStore pubsub_{database_};
    SqlUploadStore uploads_{database_};
    SqlHostDataStore host_data_{database_};
    SqlCallQualityStore call_quality_{database_};
    SqlDirectoryStore directory_{database_};
};

}  // namespace

std::int64_t to_milliseconds(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
WallTime from_milliseconds(std::int64_t milliseconds) { return WallTime{std::chrono::milliseconds{milliseconds}}; }

std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path, StorageOptions options) {
    // Linked in: no back end is loaded at run time.
    return std::make_unique<SqlStorage>(*soci::factory_sqlite3(), "dbname=" + path.string(), options);
}

std::unique_ptr<Storage> open_database(const std::string& database, StorageOptions options) {
    if (!is_postgresql_uri(database)) return open_sqlite(database, options);
    return std::make_unique<SqlStorage>(postgresql_factory(), database, options);
}

}  // namespace carillon::storage
