// Questions: read-only for certain, beside a living writer, with errors that help.
#include "fixture.h"
#include "results/database.h"
#include "results/query_limit.h"

#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

namespace stdualx {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

class ReaderTest : public ::testing::Test {
protected:
  TemporaryFolder folder;
  std::filesystem::path file = folder / "results.db";

  void SetUp() override {
    Store store = Store::open_for_writing(file);
    store.register_sweep(a_plan({a_run(), a_run(1)}));
    complete(store, a_run());
  }
};

TEST_F(ReaderTest, AQuestionThatIsBoundedEndsAtItsRowsBytesAndTime) {
  Reader reader(file);
  const std::string numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT ";
  {
    const QueryLimit limit({10, 1000, std::chrono::milliseconds(60'000)});
    EXPECT_EQ(reader.query(numbers + "i FROM n LIMIT 10").rows.size(), 10u);
    EXPECT_FALSE(limit.cut());
    EXPECT_EQ(reader.query(numbers + "i FROM n").rows.size(), 10u);
    EXPECT_TRUE(limit.cut());
  }
  {
    const QueryLimit limit({100, 1000, std::chrono::milliseconds(60'000)});
    EXPECT_EQ(reader.query(numbers + "printf('%400s', i) FROM n").rows.size(), 3u);
    EXPECT_TRUE(limit.cut());
  }
  {
    const QueryLimit limit({10, 1000, std::chrono::milliseconds(20)});
    EXPECT_THROW(reader.query(numbers + "max(i) FROM n"), InputError);
  }
  EXPECT_EQ(reader.query(numbers + "i FROM n LIMIT 50").rows.size(), 50u) << "bounds end with their scope";
}

TEST_F(ReaderTest, ReadingChangesNoByteAndLeavesNoFile) {
  const std::string before = bytes_of(file);
  {
    Reader reader(file);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_runs"), 2);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  }
  EXPECT_EQ(bytes_of(file), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST_F(ReaderTest, TypesComeAsTheyAreStored) {
  Reader reader(file);
  const Table table = reader.query("SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, x'00ff' AS e;  -- that is all\n",
                                   {std::int64_t{7}, 2.5, std::string("x"), std::monostate{}});
  EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(table.rows.at(0), (std::vector<Cell>{std::int64_t{7}, Real{2.5}, std::string("x"), std::monostate{}, std::string("00ff")}));
}

TEST_F(ReaderTest, AnUnknownColumnIsAnsweredWithThoseOfTheView) {
  Reader reader(file);
  const auto error = [&](const std::string& sql) -> std::string {
    try {
      reader.query(sql);
    } catch (const InputError& refused) {
      return refused.what();
    }
    return "no error";
  };
  EXPECT_THAT(error("SELECT acuracy FROM v_runs"),
              AllOf(HasSubstr("no such column: acuracy"), HasSubstr("The columns of v_runs are: run_id, ")));
  EXPECT_THAT(error("SELECT x FROM v_runs"), ::testing::Not(HasSubstr("The columns of runs are")));
}

TEST_F(ReaderTest, OnlyOneStatementThatReadsIsAllowed) {
  Reader reader(file);
  const std::string other = (folder / "other.db").string();
  for (const std::string& sql : std::vector<std::string>{"DELETE FROM runs",
                                                         "UPDATE runs SET status = 'FAILED'",
                                                         "DROP VIEW v_runs",
                                                         "CREATE TABLE t (a)",
                                                         "CREATE TEMP TABLE t (a)",
                                                         "ATTACH '" + other + "' AS other",
                                                         "DETACH main",
                                                         "PRAGMA user_version = 9",
                                                         "PRAGMA journal_mode = DELETE",
                                                         "PRAGMA query_only = OFF",
                                                         "PRAGMA writable_schema = ON",
                                                         "PRAGMA wal_checkpoint",
                                                         "VACUUM",
                                                         "VACUUM INTO '" + other + "'",
                                                         "BEGIN",
                                                         "SAVEPOINT s",
                                                         "REINDEX",
                                                         "SELECT 1; DELETE FROM runs",
                                                         "SELECT 1; SELECT 2",
                                                         "",
                                                         "  -- nothing",
                                                         "SELECT load_extension('x')",
                                                         "WITH t AS (SELECT 1) INSERT INTO hosts SELECT 'a', 1, 1, ''"})
    EXPECT_THAT(message_of<InputError>([&] { reader.query(sql); }), HasSubstr("views to ask: v_ablation, v_accuracy")) << sql;
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs"), 2);
  EXPECT_EQ(text_at(reader, "PRAGMA integrity_check"), "ok");
  EXPECT_EQ(text_at(reader, "SELECT name FROM pragma_table_info('sweeps') LIMIT 1"), "sweep_id");
}

TEST_F(ReaderTest, AWrongStatementIsAnsweredWithSQLitesWordsAndTheViews) {
  Reader reader(file);
  EXPECT_THAT(message_of<InputError>([&] { reader.query("SELECT * FROM v_run"); }),
              AllOf(HasSubstr("no such table: v_run"), HasSubstr("v_runs")));
  EXPECT_THAT(message_of<InputError>([&] { reader.query("SELEC 1"); }), HasSubstr("syntax error"));
  EXPECT_THAT(message_of<InputError>([&] { reader.query("SELECT ?1"); }), HasSubstr("1 parameters, 0 were given"));
  EXPECT_THAT(message_of<InputError>([&] { reader.query("SELECT json('{')"); }), HasSubstr("malformed JSON")) << "found only while it runs";
}

TEST_F(ReaderTest, ASnapshotSeesOneState) {
  StoreOptions options;
  options.journal = JournalMode::wal; // a rollback journal's writer would wait for this reader
  Store store = Store::open_for_writing(file, options);
  Reader reader(file);
  {
    const Reader::Snapshot snapshot(reader);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events"), 0);
    store.event("news", "", "came meanwhile");
    const Reader::Snapshot inner(reader);
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events"), 0);
  }
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM events"), 1);
}

TEST_F(ReaderTest, AWriterKilledInARollbackJournalIsReadAsItWasBefore) {
  // A hot journal: the pages before the change beside a file that holds the change.
  const auto copy = folder / "hot.db";
  {
    Database raw(file, SQLITE_OPEN_READWRITE, 0);
    raw.script(
        "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN; UPDATE runs SET threads = 7; CREATE TABLE filler (a BLOB);"
        "INSERT INTO filler WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT randomblob(4000) FROM n");
    std::filesystem::copy_file(file, copy);
    std::filesystem::copy_file(file.string() + "-journal", copy.string() + "-journal");
    raw.script("ROLLBACK");
  }
  {
    Reader reader(copy);
    EXPECT_THAT(reader.note(), HasSubstr("died inside a commit"));
    EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs WHERE threads = 7"), 0);
  }
  { Store store = Store::open_for_writing(copy); } // a writer puts it right
  Reader reader(copy);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM runs WHERE threads = 7"), 0);
}

/// Eight readers ask while one writer commits, until each side has done its share; nobody meets a lock.
void readers_beside_a_writer(Store& store, const std::filesystem::path& file, int commits) {
  const RunSpec run = a_run(1);
  const std::string run_id = run_identity(run);
  const std::int64_t attempt = store.begin_attempt(run_id, a_place(), 1);
  std::atomic<bool> writing{true};
  std::atomic<std::int64_t> answers{0};
  std::vector<std::string> errors(8);
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < errors.size(); ++r)
    readers.emplace_back([&, r] {
      try {
        std::int64_t last = 0;
        do {
          Reader reader(file); // opened anew each time, as a command would
          const std::int64_t epochs = integer_at(reader, "SELECT count(*) FROM epochs WHERE run_id = '" + run_id + "'");
          if (epochs < last) throw std::runtime_error("an epoch was unseen again");
          last = epochs;
          if (reader.query("SELECT * FROM v_runs").rows.size() != 2) throw std::runtime_error("runs are missing");
          ++answers;
        } while (writing);
      } catch (const std::exception& error) {
        errors[r] = error.what();
      }
    });
  std::string writer_error;
  try {
    for (int epoch = 1; epoch <= commits; ++epoch) {
      store.begin();
      store.record_epoch(an_epoch(run_id, attempt, epoch));
      store.heartbeat();
      store.commit();
    }
  } catch (const std::exception& error) {
    writer_error = error.what();
  }
  writing = false;
  for (auto& thread : readers) thread.join();
  EXPECT_EQ(writer_error, "");
  for (const auto& error : errors) EXPECT_EQ(error, "");
  EXPECT_GE(answers, 8);
  Reader reader(file);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM epochs WHERE run_id = '" + run_id + "'"), commits);
}

TEST_F(ReaderTest, EightReadersBesideALivingWriterMeetNoLock) {
  Store store = Store::open_for_writing(file);
  readers_beside_a_writer(store, file, 200);
}

TEST_F(ReaderTest, EightReadersBesideALivingWriterMeetNoLockWithARollbackJournal) {
  StoreOptions options;
  options.journal = JournalMode::rollback; // as a network file system has it
  Store store = Store::open_for_writing(file, options);
  EXPECT_EQ(store.journal_mode(), JournalMode::rollback);
  readers_beside_a_writer(store, file, 40);
}

} // namespace
} // namespace stdualx
