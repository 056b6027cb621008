#include "signaling/storage/migrations.h"

#include <array>

namespace carillon::storage {
namespace {

// Times are milliseconds since 1970 UTC. Binary strings (SCRAM keys) are stored as base64 text, stanzas as XML text.
constexpr std::array<std::string_view, 9> kFirst{
    "CREATE TABLE users (jid VARCHAR(2047) NOT NULL PRIMARY KEY, domain VARCHAR(1023) NOT NULL, created BIGINT NOT "
    "NULL)",
    "CREATE INDEX users_by_domain ON users (domain, jid)",
    "CREATE TABLE scram_keys (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, "
    "mechanism VARCHAR(32) NOT NULL, salt TEXT NOT NULL, iterations INTEGER NOT NULL, stored_key TEXT NOT NULL, "
    "server_key TEXT NOT NULL, PRIMARY KEY (jid, mechanism))",
    "CREATE TABLE rosters (jid VARCHAR(2047) NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE CASCADE, "
    "version BIGINT NOT NULL)",
    "CREATE TABLE roster_items (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, "
    "contact VARCHAR(2047) NOT NULL, name TEXT NOT NULL, contact_groups TEXT NOT NULL, flags INTEGER NOT NULL, "
    "request TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (jid, contact))",
    "CREATE TABLE offline_messages (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, "
    "id BIGINT NOT NULL, stored BIGINT NOT NULL, stanza TEXT NOT NULL, PRIMARY KEY (jid, id))",
    "CREATE TABLE calls (id VARCHAR(255) NOT NULL PRIMARY KEY, host VARCHAR(1023) NOT NULL, caller VARCHAR(3071) NOT "
    "NULL, "
    "callee VARCHAR(3071) NOT NULL, caller_bare VARCHAR(2047) NOT NULL, callee_bare VARCHAR(2047) NOT NULL, "
    "started BIGINT NOT NULL, answered BIGINT, ended BIGINT, path VARCHAR(32) NOT NULL, codecs TEXT NOT NULL, "
    "reason VARCHAR(255) NOT NULL, bytes_to_callee BIGINT NOT NULL, bytes_to_caller BIGINT NOT NULL, "
    "packets_to_callee BIGINT NOT NULL, packets_to_caller BIGINT NOT NULL, loss_to_callee DOUBLE PRECISION NOT NULL, "
    "loss_to_caller DOUBLE PRECISION NOT NULL, jitter_to_callee DOUBLE PRECISION NOT NULL, "
    "jitter_to_caller DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX calls_by_time ON calls (started)",
    "CREATE INDEX calls_by_caller ON calls (caller_bare, started)",
};
constexpr std::array<std::string_view, 1> kSecond{
    "CREATE INDEX calls_by_callee ON calls (callee_bare, started)",
};

constexpr std::array<std::string_view, 1> kThird{
    "CREATE TABLE blocked (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, "
    "contact VARCHAR(3071) NOT NULL, PRIMARY KEY (jid, contact))",
};
// Owner and peer are hashes of bare JIDs: indices of a few octets an entry, whatever the JIDs; the text decides. Times
// (id, last) are microseconds here.
constexpr std::array<std::string_view, 6> kArchive{
    "CREATE TABLE archive (owner BIGINT NOT NULL, id BIGINT NOT NULL, random BIGINT NOT NULL, peer BIGINT NOT NULL, "
    "owner_jid VARCHAR(2047) NOT NULL, peer_jid VARCHAR(2047) NOT NULL, resource VARCHAR(1023) NOT NULL, "
    "stanza TEXT NOT NULL)",
    "CREATE UNIQUE INDEX archive_by_owner ON archive (owner, id)",
    "CREATE INDEX archive_by_peer ON archive (owner, peer, id)",
    "CREATE TABLE archive_clock (last BIGINT NOT NULL)",
    "INSERT INTO archive_clock (last) VALUES (0)",
    "CREATE TABLE archive_preferences (jid VARCHAR(2047) NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE "
    "CASCADE, domain VARCHAR(1023) NOT NULL, otherwise INTEGER NOT NULL, always_jids TEXT NOT NULL, never_jids TEXT "
    "NOT NULL)",
};
constexpr std::array<std::string_view, 3> kUserData{
    "CREATE TABLE user_data (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, "
    "space VARCHAR(63) NOT NULL, name VARCHAR(4095) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (jid, space, name))",
    "CREATE TABLE invites (token VARCHAR(63) NOT NULL PRIMARY KEY, host VARCHAR(1023) NOT NULL, "
    "account VARCHAR(1023) NOT NULL, inviter VARCHAR(2047) NOT NULL, registers INTEGER NOT NULL, "
    "created BIGINT NOT NULL, expires BIGINT NOT NULL, uses INTEGER NOT NULL)",
    "CREATE INDEX invites_by_inviter ON invites (inviter)",
};

constexpr std::array<std::string_view, 1> kPush{
    "CREATE TABLE push_registrations (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, service "
    "VARCHAR(3071) NOT NULL, node VARCHAR(1023) NOT NULL, form TEXT NOT NULL, failures INTEGER NOT NULL, messages "
    "BIGINT NOT NULL, PRIMARY KEY (jid, service, node))",
};

// No token itself: `salt` and a secret outside the database make it.
constexpr std::array<std::string_view, 1> kTokens{
    "CREATE TABLE fast_tokens (jid VARCHAR(2047) NOT NULL REFERENCES users (jid) ON DELETE CASCADE, client VARCHAR(63) "
    "NOT NULL, fresh INTEGER NOT NULL, mechanism VARCHAR(32) NOT NULL, salt VARCHAR(63) NOT NULL, issued BIGINT NOT "
    "NULL, expires BIGINT NOT NULL, PRIMARY KEY (jid, client, fresh))",
};
constexpr std::array<std::string_view, 3> kRooms{
    "CREATE TABLE rooms (jid VARCHAR(2047) NOT NULL PRIMARY KEY, domain VARCHAR(1023) NOT NULL, creator VARCHAR(2047) "
    "NOT NULL, created BIGINT NOT NULL, persistent INTEGER NOT NULL, state TEXT NOT NULL, vcard TEXT NOT NULL)",
    "CREATE INDEX rooms_by_domain ON rooms (domain, jid)",
    "CREATE TABLE room_affiliations (room VARCHAR(2047) NOT NULL REFERENCES rooms (jid) ON DELETE CASCADE, jid "
    "VARCHAR(2047) NOT NULL, affiliation INTEGER NOT NULL, nick VARCHAR(1023) NOT NULL, reason TEXT NOT NULL, PRIMARY "
    "KEY (room, jid))",
};

// A service is an account or a domain: what an account published goes with it by the hand that removes the user.
constexpr std::array<std::string_view, 5> kPubsub{
    "CREATE TABLE pubsub_nodes (service VARCHAR(2047) NOT NULL, name VARCHAR(1023) NOT NULL, config TEXT NOT NULL, "
    "creator VARCHAR(2047) NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (service, name))",
    "CREATE TABLE pubsub_affiliations (service VARCHAR(2047) NOT NULL, node VARCHAR(1023) NOT NULL, "
    "jid VARCHAR(2047) NOT NULL, affiliation INTEGER NOT NULL, PRIMARY KEY (service, node, jid))",
    "CREATE TABLE pubsub_subscriptions (service VARCHAR(2047) NOT NULL, node VARCHAR(1023) NOT NULL, "
    "jid VARCHAR(3071) NOT NULL, subid VARCHAR(63) NOT NULL, state INTEGER NOT NULL, options TEXT NOT NULL, "
    "PRIMARY KEY (service, node, jid, subid))",
    "CREATE TABLE pubsub_items (service VARCHAR(2047) NOT NULL, node VARCHAR(1023) NOT NULL, id VARCHAR(1023) NOT "
    "NULL, publisher VARCHAR(3071) NOT NULL, sequence BIGINT NOT NULL, published BIGINT NOT NULL, octets BIGINT NOT "
    "NULL, payload TEXT NOT NULL, PRIMARY KEY (service, node, id))",
    "CREATE INDEX pubsub_items_by_sequence ON pubsub_items (service, sequence)",
};

// Times are milliseconds; a file that never expires has the largest number there is.
constexpr std::array<std::string_view, 4> kUploads{
    "CREATE TABLE uploads (id VARCHAR(63) NOT NULL PRIMARY KEY, owner VARCHAR(2047) NOT NULL, host VARCHAR(1023) NOT "
    "NULL, name TEXT NOT NULL, media_type VARCHAR(255) NOT NULL, size BIGINT NOT NULL, hash VARCHAR(64) NOT NULL, "
    "created BIGINT NOT NULL, expires BIGINT NOT NULL, keep BIGINT NOT NULL, latest BIGINT NOT NULL)",
    "CREATE INDEX uploads_by_owner ON uploads (owner, created)",
    "CREATE INDEX uploads_by_expiry ON uploads (expires)",
    "CREATE TABLE upload_contents (hash VARCHAR(64) NOT NULL PRIMARY KEY, size BIGINT NOT NULL, refs BIGINT NOT NULL, "
    "thumbnail_width INTEGER NOT NULL, thumbnail_height INTEGER NOT NULL)",
};

constexpr std::array<std::string_view, 1> kHostData{
    "CREATE TABLE host_data (host VARCHAR(1023) NOT NULL, name VARCHAR(255) NOT NULL, value TEXT NOT NULL, PRIMARY KEY "
    "(host, name))",
};

// The keys are the same with case and accents made alike, for LIKE.
constexpr std::array<std::string_view, 2> kDirectory{
    "CREATE TABLE directory (jid VARCHAR(2047) NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE CASCADE, domain "
    "VARCHAR(1023) NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL, nick TEXT NOT NULL, name TEXT NOT NULL, email "
    "TEXT NOT NULL, key_user TEXT NOT NULL, key_first TEXT NOT NULL, key_last TEXT NOT NULL, key_nick TEXT NOT NULL, "
    "key_email TEXT NOT NULL, key_all TEXT NOT NULL)",
    "CREATE INDEX directory_by_domain ON directory (domain, jid)",
};

// What is searched in the archive (archive_words.h). Ids are those of archive, which no two owners share.
constexpr std::array<std::string_view, 2> kArchiveText{
    "CREATE TABLE archive_text (id BIGINT NOT NULL PRIMARY KEY, owner BIGINT NOT NULL, owner_word VARCHAR(31) NOT "
    "NULL, body TEXT NOT NULL)",
    "CREATE INDEX archive_text_by_owner ON archive_text (owner, id)",
};

constexpr std::array<std::string_view, 1> kCallQuality{
    "CREATE TABLE call_quality (id VARCHAR(255) NOT NULL PRIMARY KEY, mos_to_callee DOUBLE PRECISION NOT NULL, "
    "mos_to_caller DOUBLE PRECISION NOT NULL, trouble TEXT NOT NULL)",
};

// The same, but the words are found by the program: alike on each database, and in all languages. archive_words and
// what kept it in step were the former index on SQLite; the new one is made at each start (archive_words.h). What is in
// the archive already goes in by and by, from the place that archive_backfill names.
constexpr std::array<std::string_view, 6> kArchiveWords{
    "DROP TABLE archive_text",
    "DROP TABLE IF EXISTS archive_words",
    "CREATE TABLE archive_text (id BIGINT NOT NULL PRIMARY KEY, owner BIGINT NOT NULL, owner_word VARCHAR(31) NOT "
    "NULL, body TEXT NOT NULL)",
    "CREATE INDEX archive_text_by_owner ON archive_text (owner, id)",
    "CREATE TABLE archive_backfill (owner BIGINT NOT NULL, id BIGINT NOT NULL)",
    "INSERT INTO archive_backfill (owner, id) SELECT -9223372036854775807, 0 WHERE EXISTS (SELECT 1 FROM archive)",
};

constexpr auto kAll = std::to_array<Migration>({
    {1, "users, rosters, offline messages, calls", kFirst},
    {2, "find a callee's calls", kSecond},
    {3, "block lists", kThird},
    {4, "message archive", kArchive},
    {5, "users' data, invites", kUserData},
    {6, "push registrations", kPush},
    {7, "log-in tokens", kTokens},
    {8, "rooms", kRooms},
    {9, "publish-subscribe", kPubsub},
    {10, "uploaded files", kUploads},
    {11, "settings of hosts", kHostData},
    {12, "user directory", kDirectory},
    {13, "words in the archive", kArchiveText},
    {14, "how calls sounded", kCallQuality},
    {15, "words of all languages in the archive", kArchiveWords},
});

}  // namespace

std::span<const Migration> migrations() { return kAll; }

}  // namespace carillon::storage
