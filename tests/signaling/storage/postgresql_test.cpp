/// What is PostgreSQL's own: lost connections, one server for one database, the index of words.
#include "signaling/storage/postgresql.h"

#include <gtest/gtest.h>

#include "signaling/storage/archive_words.h"
#include "tests/signaling/storage/storage_fixture.h"

namespace carillon::storage {
namespace {

class PostgresqlTest : public StorageFixture {
  protected:
    void SetUp() override {
        if (on_sqlite()) GTEST_SKIP() << "ctest -R storage.postgresql";
    }
    void end_sessions() {
        *database_.session() << "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                "AND application_name = '" +
                                    database_.schema() + "'";
    }
};

TEST_F(PostgresqlTest, LostConnectionsAreMadeAgainAndTheWorkIsDone) {
    EXPECT_TRUE(run(storage_->users().create(jid("a@example.org"), {})));
    for (int i = 0; i < 3; ++i) {
        end_sessions();
        EXPECT_TRUE(run(storage_->users().create(jid("b" + std::to_string(i) + "@example.org"), {})));
        EXPECT_TRUE(run(storage_->users().exists(jid("a@example.org")))) << "a reader";
        EXPECT_EQ(run(storage_->users().list("example.org")).size(), 2u + static_cast<std::size_t>(i));
        EXPECT_FALSE(run(storage_->users().keys(jid("a@example.org"), "SCRAM-SHA-1"))) << "a statement kept for long";
    }
}

TEST_F(PostgresqlTest, ASecondServerOnOneDatabaseIsRefused) {
    try {
        database_.open();
        FAIL() << "opened";
    } catch (const StorageError& error) {
        EXPECT_NE(std::string{error.what()}.find("another Carillon"), std::string::npos) << error.what();
    }
    end_sessions();
    EXPECT_TRUE(run(storage_->users().create(jid("a@example.org"), {}))) << "it stands by its own lock";
}

TEST_F(PostgresqlTest, WordsAreLookedUpInTheIndex) {
    const auto sql = database_.session();
    *sql << "SET enable_seqscan TO off";  // there is hardly anything
    const auto condition = words_sql(Dialect::postgresql);
    const auto subquery = condition.substr(condition.find("SELECT"));
    std::string detail, plan;
    const std::string words = "'quick' & 'fox'";
    soci::statement select =
        (sql->prepare << "EXPLAIN " + subquery.substr(0, subquery.size() - 1), soci::use(words), soci::into(detail));
    select.execute();
    while (select.fetch()) plan += detail + '\n';
    EXPECT_NE(plan.find("Bitmap Index Scan on archive_words"), std::string::npos) << plan;
}

TEST_F(PostgresqlTest, TextComparesByItsOctets) {
    for (const auto* user : {"b@example.org", "\u00e4@example.org", "a-c@example.org", "ab@example.org"})
        run(storage_->users().create(jid(user), {}));
    std::string all;
    for (const auto& user : run(storage_->users().list("example.org"))) all += std::string{user.node()} + ' ';
    EXPECT_EQ(all, "a-c ab b \u00e4 ");
}

TEST(SchemaSql, MakesTextCompareByItsOctetsOnPostgresql) {
    const auto* table = "CREATE TABLE t (a VARCHAR(9) NOT NULL PRIMARY KEY, text BIGINT, b TEXT NOT NULL)";
    EXPECT_EQ(schema_sql(table, Dialect::sqlite), table);
    EXPECT_EQ(
        schema_sql(table, Dialect::postgresql),
        "CREATE TABLE t (a VARCHAR(9) COLLATE \"C\" NOT NULL PRIMARY KEY, text BIGINT, b TEXT COLLATE \"C\" NOT NULL)");
    EXPECT_EQ(schema_sql("DROP TABLE TEXT", Dialect::postgresql), "DROP TABLE TEXT");
}

TEST(Postgresql, AServerThatIsNotThereIsAnError) {
    EXPECT_THROW(open_database("postgresql:///x?host=/nonexistent"), StorageError);
    EXPECT_THROW(open_database("postgresql://?nonsense"), StorageError);
}

}  // namespace
}  // namespace carillon::storage
